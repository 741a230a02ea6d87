import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { agoText } from '../core/format.js';
import { keepLooking } from '../core/looking.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { icon } from './icons.js';

const ADDRESS = '/api/system/nodes';
const LOOK_MS = 1000;
const COMMIT_LENGTH = 10;
const MOST_FOUND = 8;
/** Until then a change can be given up. */
const EARLY = ['fetching', 'checking', 'installing', 'ready', 'waiting'];

/** The node packs of ComfyUI: what is there, what could be, and the change under way. */
class NodePacks extends Element {
  constructor() {
    super();
    this.told = null;
    this.known = [];
    this.words = '';
    keepLooking(this, LOOK_MS, () => (!this.told || this.#isBusy) && this.#look());
  }

  get #isBusy() {
    const { operation } = this.told ?? {};
    return operation ? !operation.done : false;
  }

  async #look() {
    try {
      const [told, registry] = await Promise.all([
        api.get(ADDRESS),
        this.known.length ? null : api.get(`${ADDRESS}/registry`),
      ]);
      this.told = told;
      if (registry) this.known = registry.packs;
      this.requestUpdate();
    } catch {
      // The page says itself that Studio is away, and this is asked for again.
    }
  }

  #change = (method, path, body) =>
    notices.attempt(async () => {
      await api[method](`${ADDRESS}${path}`, body);
      await this.#look();
    });

  render() {
    const { told } = this;
    if (!told || (told.obstacle && !told.packs.length)) return nothing;
    return html`
      <section class="card packs">
        <h2>${t('packs.title')}</h2>
        <p class="hint">${t('packs.help')}</p>
        ${told.operation ? this.#operation(told.operation) : nothing}
        ${told.packs.length ? html`<ul class="rows">${told.packs.map((pack) => this.#pack(pack))}</ul>` : html`<p>${t('packs.none')}</p>`}
        ${told.obstacle ? html`<p class="hint">${told.obstacle}</p>` : this.#adding()}
      </section>
    `;
  }

  #operation({ action, name, phase, done, error, notes }) {
    if (!done) {
      return html`<div class="pack-change" role="status">
        <progress aria-label=${t(`packs.doing.${action}`, { name })}></progress>
        <span>${t(`packs.doing.${action}`, { name })} ${t(`packs.phase.${phase}`)}</span>
        ${EARLY.includes(phase)
          ? html`<button @click=${() => this.#change('remove', '/operation')}>${icon('close')}${t('packs.giveUp')}</button>`
          : nothing}
      </div>`;
    }
    if (error) return html`<div class="error-text" role="alert"><strong>${name}</strong> ${error.message}</div>`;
    return notes.length ? html`<p class="hint" role="status"><strong>${name}</strong> ${notes.join(' ')}</p>` : nothing;
  }

  #pack(pack) {
    const { name, commit, classes, packages, notes } = pack;
    const state = !pack.present ? 'removed' : pack.enabled ? null : 'disabled';
    const facts = [
      commit && t('packs.commit', { commit: commit.slice(0, COMMIT_LENGTH) }),
      pack.changed_at && agoText(pack.changed_at),
      !pack.managed && t(pack.removable || !pack.present ? 'packs.byHand' : 'packs.ofEngine'),
    ].filter(Boolean);
    return html`<li class="row">
      <div class="row-words">
        <p class="row-title">${pack.title}${state ? html` <span class="state ${pack.disabled_because ? 'is-bad' : 'is-calm'}">${t(`packs.${state}`)}</span>` : nothing}</p>
        <p class="hint">${facts.join(' · ')}</p>
        ${pack.disabled_because ? html`<p class="error-text">${pack.disabled_because}</p>` : nothing}
        ${classes.length || packages.length || notes.length
          ? html`<details>
              <summary>${t('packs.classes', { count: classes.length })}</summary>
              ${classes.length ? html`<ul class="chips">${classes.map((each) => html`<li>${each}</li>`)}</ul>` : nothing}
              ${packages.length
                ? html`<h3>${t('packs.packages')}</h3>
                    <ul class="chips">${packages.map((each) => html`<li>${each.name} ${each.version}</li>`)}</ul>`
                : nothing}
              ${notes.map((note) => html`<p class="hint">${note}</p>`)}
            </details>`
          : nothing}
        ${this.told.obstacle ? nothing : this.#buttons(pack)}
      </div>
    </li>`;
  }

  #buttons(pack) {
    const path = `/${encodeURIComponent(pack.name)}`;
    const button = (isShown, word, symbol, method = 'post', more = `/${word}`) =>
      isShown
        ? html`<button
            ?disabled=${this.#isBusy}
            title=${t(`packs.help.${word}`)}
            aria-label=${t('packs.doTo', { what: t(`packs.do.${word}`), name: pack.title })}
            @click=${() => this.#change(method, `${path}${more}`)}
          >
            ${icon(symbol)}${t(`packs.do.${word}`)}
          </button>`
        : nothing;
    return html`<div class="inline-buttons">
      ${button(pack.update || (pack.managed && pack.present && pack.ref !== pack.commit), 'update', 'again')}
      ${button(pack.can_go_back, 'back', 'left')}
      ${button(pack.removable && pack.enabled, 'disable', 'pause')}
      ${button(pack.removable && !pack.enabled, 'enable', 'play')}
      ${button(pack.removable, 'remove', 'remove', 'remove', '')}
    </div>`;
  }

  #adding() {
    const find = ({ target }) => {
      this.words = target.value;
      this.requestUpdate();
    };
    const install = (event) => {
      event.preventDefault();
      const { url, ref } = Object.fromEntries(new FormData(event.target));
      this.#change('post', '', { url: url.trim(), ref: ref.trim() });
    };
    return html`
      <h3>${t('packs.add')}</h3>
      <label class="field">
        <span>${t('packs.find')}</span>
        <input type="search" .value=${this.words} @input=${find} />
      </label>
      <ul class="rows">${this.#found().map((pack) => this.#offer(pack))}</ul>
      <details>
        <summary>${t('packs.byUrl')}</summary>
        <form class="pack-url" @submit=${install}>
          <label class="field">
            <span>${t('packs.url')}</span>
            <input name="url" type="url" required maxlength="300" placeholder=${t('packs.urlExample')} />
          </label>
          <label class="field">
            <span>${t('packs.ref')}</span>
            <input name="ref" maxlength="200" />
          </label>
          <button ?disabled=${this.#isBusy}>${icon('download')}${t('packs.do.install')}</button>
        </form>
      </details>
    `;
  }

  /** What is not there and fits the words: by its name, what it is, or a class that it brings. */
  #found() {
    const words = this.words.trim().toLowerCase();
    const present = new Set(this.told.packs.filter((pack) => pack.present).map(({ name }) => name));
    const fits = (pack) =>
      [pack.name, pack.title, pack.description, ...pack.classes].some((text) => text.toLowerCase().includes(words));
    return this.known.filter((pack) => !present.has(pack.name) && fits(pack)).slice(0, MOST_FOUND);
  }

  #offer(pack) {
    return html`<li class="row">
      <div class="row-words">
        <p class="row-title">${pack.title}</p>
        <p>${pack.description}</p>
        <p class="hint">${t('packs.classes', { count: pack.classes.length })} · ${pack.license} · ${pack.url}</p>
      </div>
      <button
        ?disabled=${this.#isBusy}
        aria-label=${t('packs.doTo', { what: t('packs.do.install'), name: pack.title })}
        @click=${() => this.#change('post', '', { pack: pack.name })}
      >
        ${icon('download')}${t('packs.do.install')}
      </button>
    </li>`;
  }
}

customElements.define('node-packs', NodePacks);
