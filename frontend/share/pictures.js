import { Element, html, nothing } from '../js/core/element.js';
import { t } from '../js/core/messages.js';
import { icon } from '../js/components/icons.js';
import { link } from './link.js';
import { explain } from './words.js';

const AT_ONCE = 60;
/** What stands beside others; anything longer has a line of its own. */
const SHORT = 16;
const isVideo = ({ content_type: type }) => type.startsWith('video/');

/** One picture as large as there is room, or what stands for it. */
export function large(picture, urls, label) {
  if (isVideo(picture) && picture.original) {
    return html`<video controls playsinline loop preload="metadata" poster=${urls.small} src=${urls.content}></video>`;
  }
  return html`<img src=${picture.original ? urls.content : urls.small} alt=${label} />`;
}

const urlsOf = ({ id }) => ({ content: link.content(id), small: link.thumbnail(id, 'large') });

/** A picture, or all of a board. */
class SharedPictures extends Element {
  static properties = {
    facts: { attribute: false },
    items: { state: true },
    shown: { state: true },
    made: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    this.items = [];
  }

  connectedCallback() {
    super.connectedCallback();
    this.#more();
  }

  get isBoard() {
    return this.facts.kind === 'board';
  }

  async #more() {
    try {
      const { items, total } = await link.pictures(this.items.length, AT_ONCE);
      const known = new Set(this.items.map(({ id }) => id));
      this.items = [...this.items, ...items.filter(({ id }) => !known.has(id))];
      this.total = items.length ? total : this.items.length;
      if (!this.isBoard && this.items.length) this.#look(this.items[0]);
    } catch (error) {
      this.problem = error;
    }
  }

  async #look(picture) {
    this.shown = picture;
    this.made = null;
    if (!this.facts.with_recipe) return;
    try {
      const { made } = await link.picture(picture.id);
      if (this.shown === picture) this.made = made;
    } catch (error) {
      this.problem = error;
    }
  }

  render() {
    return html`
      ${this.problem ? html`<p class="card" role="alert">${explain(this.problem)}</p>` : nothing}
      ${this.isBoard ? this.#board() : this.shown ? this.#one(this.shown) : nothing}
    `;
  }

  #board() {
    const rest = (this.total ?? 0) - this.items.length;
    if (this.total === 0) return html`<p class="card hint">${t('shared.empty')}</p>`;
    return html`
      <ul class="shared-grid">
        ${this.items.map(
          (picture) => html`<li>
            <button class="shared-tile" aria-label=${t('shared.show', { name: picture.name })} @click=${() => this.#open(picture)}>
              <img src=${link.thumbnail(picture.id)} alt="" loading="lazy" />
              ${isVideo(picture) ? html`<span class="shared-badge">${icon('play')}</span>` : nothing}
            </button>
          </li>`,
        )}
      </ul>
      ${rest > 0 ? html`<button class="wide" @click=${() => this.#more()}>${t('shared.more', { count: rest })}</button>` : nothing}
      <dialog class="shared-view" aria-label=${this.shown?.name ?? ''} @close=${() => (this.shown = null)} @keydown=${this.#key}>
        ${this.shown ? this.#viewer(this.shown) : nothing}
      </dialog>
    `;
  }

  async #open(picture) {
    this.#look(picture);
    await this.updateComplete;
    const dialog = this.querySelector('dialog');
    if (!dialog.open) dialog.showModal();
  }

  #key = ({ key }) => {
    if (key === 'ArrowLeft') this.#step(-1);
    if (key === 'ArrowRight') this.#step(1);
  };

  #step(by) {
    const next = this.items[this.items.indexOf(this.shown) + by];
    if (next) this.#look(next);
  }

  #viewer(picture) {
    const at = this.items.indexOf(picture);
    const step = (by, symbol, label) => html`<button
      class="round"
      aria-label=${label}
      aria-disabled=${this.items[at + by] ? nothing : 'true'}
      @click=${() => this.#step(by)}
    >
      ${icon(symbol)}
    </button>`;
    return html`
      <div class="shared-view-bar">
        ${step(-1, 'unfold', t('shared.previous'))} ${step(1, 'unfold', t('shared.next'))}
        <span class="hint">${t('shared.place', { at: at + 1, count: this.total })}</span>
        <button class="round" aria-label=${t('shared.close')} @click=${() => this.querySelector('dialog').close()}>${icon('close')}</button>
      </div>
      ${this.#one(picture)}
    `;
  }

  #one(picture) {
    const size = picture.width ? `${picture.width} × ${picture.height}` : '';
    return html`
      <figure class="card shared-one">
        ${large(picture, urlsOf(picture), picture.name)}
        <figcaption>
          <span class="hint">${[picture.name, size].filter(Boolean).join(' · ')}</span>
          ${picture.original
            ? html`<a class="button" href=${link.content(picture.id)} download=${picture.name}>${t('shared.download')}</a>`
            : nothing}
        </figcaption>
        ${this.made ? madeOf(this.made) : nothing}
      </figure>
    `;
  }
}

function madeOf({ prompt, negative, seed, parameters, models }) {
  const rows = [
    [t('shared.prompt'), prompt],
    [t('shared.negative'), negative],
    [t('shared.seed'), seed],
    [t('shared.models'), models.join(', ')],
    ...Object.entries(parameters).map(([name, value]) => [name.replaceAll('_', ' '), String(value)]),
  ];
  const known = rows.filter(([, value]) => value !== null && value !== '');
  return html`<details class="shared-made" open>
    <summary>${t('shared.made')}</summary>
    <dl>
      ${known.map(
        ([name, value]) => html`<div class=${String(value).length > SHORT ? 'is-long' : ''}><dt>${name}</dt><dd>${value}</dd></div>`,
      )}
    </dl>
  </details>`;
}

customElements.define('shared-pictures', SharedPictures);
