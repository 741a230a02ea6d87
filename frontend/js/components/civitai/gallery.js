import { Element, html, nothing, repeat } from '../../core/element.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { altOf, collect, keptPage, rate } from '../../models/civitai.js';
import { notices } from '../../models/notices.js';
import { switchField } from '../field.js';
import { icon } from '../icons.js';
import { starButtons } from '../stars.js';
import { openPicture } from './picture.js';
import { whyText } from './reasons.js';

const MOST_PAGES = 8;

/** Kept pictures: of one version, for which more can be fetched, or all of them. */
class CivitaiGallery extends Element {
  static properties = { version: { attribute: false } };

  constructor() {
    super();
    this.stars = 0;
    this.nsfw = false;
    this.summary = null;
    this.#restart();
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.version === undefined) this.#again();
  }

  willUpdate(changed) {
    if (changed.has('version') && this.version !== undefined) this.#again();
  }

  #restart() {
    this.items = null;
    this.cursor = null;
    /** Where Civitai's next page begins; null is its first one. */
    this.further = null;
    this.hasFurther = true;
    this.error = null;
    this.wait = null;
    this.refused = 0;
    this.question = {};
  }

  async #again() {
    this.#restart();
    this.requestUpdate();
    await this.#ask(async (question) => {
      await this.#kept(question);
      // Whoever looks at a model wants to see what it makes.
      if (question === this.question && this.version && !this.stars && !this.items.length) await this.#fetched(question);
    });
  }

  async #ask(work) {
    const { question } = this;
    Object.assign(this, { isBusy: true, error: null, wait: null });
    this.requestUpdate();
    try {
      await work(question);
    } catch (error) {
      if (question !== this.question) return;
      this.error = error;
    }
    if (question !== this.question) return;
    this.isBusy = false;
    this.requestUpdate();
  }

  async #kept(question) {
    const { version, stars, nsfw, cursor } = this;
    const page = await keptPage({ version, stars, nsfw, cursor });
    if (question !== this.question) return;
    this.#put(page.items);
    this.cursor = page.next_cursor;
    this.summary = page;
    this.requestUpdate();
  }

  async #fetched(question) {
    const { version, nsfw, further } = this;
    const page = await collect({ version, nsfw, cursor: further });
    if (question !== this.question) return;
    this.#put(page.items);
    this.further = page.next_cursor;
    this.wait = page.retry_after_s;
    this.refused += page.refused.length;
    this.hasFurther = page.next_cursor !== null || page.retry_after_s !== null;
    // How much there is by now.
    const summary = await keptPage({ version, limit: 1 });
    if (question === this.question) this.summary = summary;
  }

  #put(items) {
    const known = new Map((this.items ?? []).map((item) => [item.id, item]));
    for (const item of items) known.set(item.id, item);
    this.items = [...known.values()];
  }

  #more() {
    return this.#ask((question) => (this.cursor ? this.#kept(question) : this.#fetchNew(question)));
  }

  /** Civitai's first pages may be kept already: asked for once more, they bring nothing new. */
  async #fetchNew(question) {
    const before = this.items.length;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      await this.#fetched(question);
      if (question !== this.question || this.items.length > before || !this.hasFurther || this.wait) return;
    }
  }

  render() {
    const { items, summary } = this;
    const canMore = this.cursor || (this.version && this.hasFurther && !this.stars);
    return html`
      ${summary ? this.#filters(summary) : nothing}
      <p class="unseen" role="status">${this.isBusy ? t('civitai.loading') : ''}</p>
      ${items?.length === 0 && !this.isBusy && !this.error
        ? html`<div class="empty">${icon('library')}<p>${t(this.#emptyText())}</p></div>`
        : nothing}
      <ul class="civitai-tiles" aria-busy=${this.isBusy ? 'true' : 'false'}>
        ${repeat(
          items ?? [],
          ({ id }) => id,
          (item) => html`<li>${this.#tile(item)}</li>`,
        )}
      </ul>
      ${this.error
        ? html`<div class="problem" role="alert">
            <p class="error-text">${whyText(this.error)} <code>${this.error.code}</code></p>
          </div>`
        : nothing}
      ${this.wait ? html`<p class="banner is-note" role="status">${icon('info')}<span>${t('civitai.wait', { count: this.wait })}</span></p>` : nothing}
      ${this.refused ? html`<p class="hint">${t('civitai.refused', { count: this.refused })}</p>` : nothing}
      ${canMore && items
        ? html`<button class="models-more" ?disabled=${this.isBusy} @click=${() => this.#more()}>
            ${t(this.isBusy ? 'civitai.loading' : this.cursor ? 'civitai.more' : 'civitai.fetchMore')}
          </button>`
        : nothing}
    `;
  }

  #emptyText() {
    if (this.stars) return 'civitai.noneStarred';
    return this.version ? 'civitai.noExamples' : 'civitai.empty';
  }

  #filters({ count, used_bytes: used, limit_bytes: limit, nsfw_allowed: isAllowed }) {
    const turn = (changes) => {
      Object.assign(this, changes);
      this.#again();
    };
    return html`
      <div class="civitai-filters">
        <button
          class="shelf"
          aria-pressed=${this.stars ? 'true' : 'false'}
          @click=${() => turn({ stars: this.stars ? 0 : 1 })}
        >
          ${icon('star')}${t('civitai.starred')}
        </button>
        ${isAllowed
          ? switchField({ label: t('civitai.nsfw'), checked: this.nsfw, onChange: (nsfw) => turn({ nsfw }) })
          : nothing}
        <span class="hint">${t('civitai.used', { count, used: sizeText(used), limit: sizeText(limit) })}</span>
      </div>
    `;
  }

  #tile(item) {
    const { kept, kind } = item;
    const open = () => openPicture(item, { shown: () => this.items, onRate: (rated) => this.#put([rated]), onGone: (gone) => this.#drop(gone) });
    return html`
      <button class="tile is-picture" @click=${open}>
        <img src=${`${kept.thumbnail}?size=large`} alt=${altOf(item)} loading="lazy" decoding="async" />
        ${kind === 'video' ? html`<span class="civitai-film">${icon('play')}</span>` : nothing}
      </button>
      ${starButtons(kept.stars, (stars) => notices.attempt(() => this.#rate(item, stars)))}
    `;
  }

  async #rate(item, stars) {
    this.#put([await rate(item.id, stars)]);
    this.requestUpdate();
  }

  #drop({ id }) {
    this.items = this.items.filter((item) => item.id !== id);
    this.requestUpdate();
  }
}

customElements.define('civitai-gallery', CivitaiGallery);
