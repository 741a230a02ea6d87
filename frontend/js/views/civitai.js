import { Element, html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { civitaiAddress, isSettling, keep, look } from '../models/civitai.js';
import { downloads } from '../models/downloads.js';
import { wayOut } from '../components/download_row.js';
import { icon } from '../components/icons.js';
import { whyText } from '../components/civitai/reasons.js';
import '../components/civitai/gallery.js';
import '../components/civitai/model.js';
import '../components/civitai/picture.js';

/** A model that came is known a moment after its download has ended. */
const SETTLE_MS = 1500;
const EXAMPLE = 'https://civitai.com/models/…';

/** `#/civitai` is all that is kept; what stands behind it is looked up: a model, or one picture. */
class CivitaiView extends Element {
  constructor() {
    super();
    this.watch(downloads);
    this.onRoute = () => this.#turn();
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    this.onArrival = () => this.#look();
    downloads.addEventListener('arrived', this.onArrival);
    router.addEventListener('change', this.onRoute);
    this.#turn();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    clearTimeout(this.timer);
    downloads.removeEventListener('arrived', this.onArrival);
    router.removeEventListener('change', this.onRoute);
  }

  #turn() {
    if (router.view !== 'civitai') return;
    const text = router.argument;
    if (text === this.text) return;
    Object.assign(this, { text, found: null, error: null });
    if (text) this.#look();
    this.requestUpdate();
  }

  /** Ask, and ask again when a model has come: then it is no longer missing. */
  async #look() {
    const { text } = this;
    clearTimeout(this.timer);
    if (!text) return;
    this.isLooking = true;
    this.requestUpdate();
    try {
      const found = await look(text);
      if (text !== this.text) return;
      Object.assign(this, { found, error: null });
      if (found.picture && !found.picture.kept) await this.#keep(text, found.picture);
    } catch (error) {
      if (text !== this.text) return;
      this.error = error;
    }
    this.isLooking = false;
    this.requestUpdate();
    if (this.found && isSettling(this.found)) this.timer = setTimeout(() => this.#look(), SETTLE_MS);
  }

  /** Nothing of another site's is shown in the page: it has to be here first. */
  async #keep(text, picture) {
    this.requestUpdate();
    const { kept } = await keep(picture.id);
    if (text === this.text) this.found = { ...this.found, picture: { ...picture, kept } };
  }

  render() {
    return html`
      <div class="view models civitai">
        <header class="view-head">
          ${this.text
            ? html`<a class="button" href="#/civitai" aria-label=${t('civitai.all')} title=${t('civitai.all')}>${icon('left')}</a>`
            : nothing}
          <h1>${t('shell.views.civitai')}</h1>
        </header>
        <form class="civitai-ask" @submit=${(event) => this.#go(event)}>
          <label class="field">
            <span>${t('civitai.link')}</span>
            <input
              name="link"
              type="text"
              inputmode="url"
              required
              maxlength="2000"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              placeholder=${EXAMPLE}
              .value=${live(this.text)}
            />
          </label>
          <button class="primary">${icon('search')}${t('civitai.look')}</button>
        </form>
        <p class="unseen" role="status">${this.isLooking ? t('civitai.looking') : ''}</p>
        ${this.error
          ? html`<div class="problem" role="alert">
              <p class="error-text">${whyText(this.error)} <code>${this.error.code}</code></p>
              <div class="inline-buttons">
                ${wayOut(this.error)}
                <button @click=${() => this.#look()}>${icon('again')}${t('shell.tryAgain')}</button>
              </div>
            </div>`
          : nothing}
        ${this.#content()}
      </div>
    `;
  }

  #content() {
    const { found, error, text } = this;
    if (!text) return html`<civitai-gallery></civitai-gallery>`;
    if (!found) return error ? nothing : html`<div class="skeleton" aria-hidden="true"></div>`;
    return found.model
      ? html`<civitai-model .model=${found.model}></civitai-model>`
      : html`<section class="card">
          <h2>${t(found.picture.kind === 'video' ? 'civitai.film' : 'civitai.picture')}</h2>
          <civitai-picture .picture=${found.picture}></civitai-picture>
        </section>`;
  }

  #go(event) {
    event.preventDefault();
    const link = new FormData(event.target).get('link').trim();
    if (link === this.text) this.#look();
    else location.hash = civitaiAddress(link);
  }
}

customElements.define('civitai-view', CivitaiView);
