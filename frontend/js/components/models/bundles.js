import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { downloads, hasEnded, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';
import { entryAddress, fileAddress, wayHere } from './rows.js';

/** Everything that one kind of workflow needs, as one. */
class ModelBundles extends Element {
  constructor() {
    super();
    this.watch(downloads);
    this.bundles = null;
    this.onArrival = () => this.load();
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    downloads.addEventListener('arrived', this.onArrival);
    this.load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    downloads.removeEventListener('arrived', this.onArrival);
  }

  load = async () => {
    const asked = (this.asked = {});
    try {
      const [bundles, entries] = await Promise.all([api.get('/api/models/bundles'), api.get('/api/catalog?limit=500')]);
      if (asked !== this.asked) return;
      // Missing ones first: those that are here need nobody.
      this.bundles = bundles.items.sort((a, b) => Boolean(b.missing) - Boolean(a.missing));
      this.entries = new Map(entries.items.map((each) => [each.id, each]));
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  };

  render() {
    const { bundles, error } = this;
    if (error) {
      return html`<div class="problem" role="alert">
        ${errorText(error)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
      </div>`;
    }
    if (!bundles) return html`<p class="hint" role="status">${t('shell.loading')}</p>`;
    return html`
      <p class="hint">${t('models.bundlesHelp')}</p>
      <ul class="bundles">
        ${bundles.map((bundle) => html`<li class="card bundle">${this.#bundle(bundle)}</li>`)}
      </ul>
    `;
  }

  #bundle(bundle) {
    const { id, name, entries, missing } = bundle;
    const isComing = entries.some((each) => each.state !== 'present' && this.#isComing(each.id));
    return html`
      <header class="section-head">
        <h2>${name}</h2>
        <span class="mark ${missing ? 'is-plain' : 'is-good'}">
          ${missing ? t('models.bundleLacks', { count: missing, of: entries.length }) : t('models.bundleHere')}
        </span>
      </header>
      <ul class="bundle-entries">
        ${entries.map((each) => this.#entry(each))}
      </ul>
      ${missing && mayFetch()
        ? html`<footer>
            ${isComing
              ? html`<a class="button" href="#/models/downloads">${icon('download')}${t('models.underWay')}</a>`
              : html`<button class="primary" @click=${() => this.#install(id, name)}>
                  ${icon('download')}<span>${this.#installText(bundle)} <span class="unseen">${name}</span></span>
                </button>`}
          </footer>`
        : nothing}
    `;
  }

  #entry({ id, name, state, present_as: file }) {
    const entry = this.entries.get(id);
    return html`<li>
      <span class="dot is-${state}"></span>
      <a class="link" href=${file ? fileAddress(file.id) : entryAddress(id)}>${name}</a>
      <span class="hint">
        ${[entry?.folder, entry?.size_bytes && sizeText(entry.size_bytes), t(`models.state.${state}`)].filter(Boolean).join(' · ')}
      </span>
      ${entry && state !== 'present' ? wayHere(entry) : nothing}
    </li>`;
  }

  #isComing(id) {
    const entry = this.entries.get(id);
    const download = entry && downloads.of({ ...entry, name: entry.file });
    return Boolean(download && !hasEnded(download));
  }

  #installText({ missing_bytes: bytes }) {
    return bytes ? t('models.installSize', { size: sizeText(bytes) }) : t('models.install');
  }

  #install(id, name) {
    return notices.attempt(async () => {
      await api.post(`/api/models/bundles/${encodeURIComponent(id)}/install`);
      notices.say(t('models.fetching', { name }));
    });
  }
}

customElements.define('model-bundles', ModelBundles);
