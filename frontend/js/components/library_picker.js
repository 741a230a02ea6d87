import { Element, html, nothing } from '../core/element.js';
import { address, api } from '../core/api.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';

const PAGE = 60;
const PAUSE_MS = 250;

/** Pictures and other files that Studio has, to choose from. */
class LibraryPicker extends Element {
  static properties = {
    kind: {},
    several: { type: Boolean },
    onDone: { attribute: false },
    source: { state: true },
    chosen: { state: true },
  };

  constructor() {
    super();
    this.items = [];
    this.total = null;
    this.query = '';
    this.source = '';
    this.chosen = [];
  }

  firstUpdated() {
    this.querySelector('[autofocus]')?.focus();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load(start = 0) {
    const asked = (this.asked = {});
    const { query: q, source } = this;
    const kind = this.kind === 'file' ? '' : this.kind;
    await notices.attempt(async () => {
      const { items, total } = await api.get(address('/api/library', { q, kind, source, start, limit: PAGE }));
      if (asked !== this.asked) return;
      this.items = start ? [...this.items, ...items] : items;
      this.total = total;
    });
    this.requestUpdate();
  }

  #search(text) {
    this.query = text;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#load(), PAUSE_MS);
  }

  #show(source) {
    this.source = source;
    this.#load();
  }

  render() {
    const tab = (source, label) => html`
      <button type="button" aria-pressed=${this.source === source ? 'true' : 'false'} @click=${() => this.#show(source)}>
        ${label}
      </button>
    `;
    return html`
      <header class="chooser-head">
        <label class="search">
          <span class="unseen">${t('making.searchLibrary')}</span>${icon('search')}
          <input
            type="search"
            autofocus
            placeholder=${t('making.searchLibrary')}
            @input=${({ target }) => this.#search(target.value)}
          />
        </label>
        <div class="segments" role="group" aria-label=${t('making.source')}>
          ${tab('', t('making.made'))} ${tab('upload', t('making.uploaded'))}
        </div>
        <button class="bare" aria-label=${t('shell.close')} @click=${() => this.onDone()}>${icon('close')}</button>
      </header>
      <ul class="picker">
        ${this.items.map((item) => html`<li>${this.#item(item)}</li>`)}
      </ul>
      ${this.total === 0 ? html`<p class="hint">${t('making.noFiles')}</p>` : nothing}
      ${this.items.length < (this.total ?? 0)
        ? html`<button @click=${() => this.#load(this.items.length)}>${t('making.more')}</button>`
        : nothing}
      ${this.several
        ? html`<div class="dialog-actions">
            <button class="primary" ?disabled=${!this.chosen.length} @click=${() => this.onDone(this.chosen)}>
              ${t('making.take', { count: this.chosen.length })}
            </button>
          </div>`
        : nothing}
    `;
  }

  #item(item) {
    const at = this.chosen.findIndex(({ asset }) => asset === item.id);
    const file = { asset: item.id, name: item.name, kind: item.kind };
    const choose = () => {
      if (!this.several) this.onDone([file]);
      else this.chosen = at < 0 ? [...this.chosen, file] : this.chosen.filter((_, index) => index !== at);
    };
    return html`
      <button
        type="button"
        class="thumb"
        aria-pressed=${this.several ? String(at >= 0) : nothing}
        aria-label=${item.prompt || item.name}
        title=${item.prompt || item.name}
        @click=${choose}
      >
        ${item.thumbnail ? html`<img src=${item.thumbnail} alt="" loading="lazy" />` : icon('file')}
        ${at >= 0 ? html`<span>${at + 1}</span>` : nothing}
      </button>
    `;
  }
}

customElements.define('library-picker', LibraryPicker);

/** Choose files of a kind from the library; answers [{asset, name, kind}], or nothing. */
export function openLibrary(kind, several) {
  return openDialog({
    label: t('making.fromLibrary'),
    className: 'is-wide',
    content: (close) =>
      html`<library-picker .kind=${kind} .several=${Boolean(several)} .onDone=${(files) => close(files)}></library-picker>`,
  }).closed;
}
