import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { downloads, mayFetch } from '../models/downloads.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { stock } from '../models/stock.js';
import { openAdd } from '../components/models/add.js';
import { icon } from '../components/icons.js';
import { volumeBar } from '../components/models/disk.js';
import '../components/menu.js';
import '../components/models/bundles.js';
import '../components/models/downloads.js';
import '../components/models/entry.js';
import '../components/models/file.js';
import '../components/models/language.js';
import '../components/models/list.js';

/** The list of what could be here is the other side of the first tab, with an address of its own. */
const CATALOG = 'catalog';
const TABS = {
  '': (name) => html`<model-list .isCatalog=${name === CATALOG}></model-list>`,
  bundles: () => html`<model-bundles></model-bundles>`,
  downloads: () => html`<model-downloads></model-downloads>`,
  language: () => html`<language-models></language-models>`,
  disk: () => html`<model-disk></model-disk>`,
};

/** Everything under `#/models`: the models, one of them, bundles, downloads, the disks. */
class ModelsView extends Element {
  constructor() {
    super();
    this.watch(router, session, downloads);
    this.disk = null;
    this.onArrival = () => this.#askDisk();
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    downloads.addEventListener('arrived', this.onArrival);
    this.#askDisk();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    downloads.removeEventListener('arrived', this.onArrival);
  }

  /** Where somebody goes from here, the rest of the address is no model's. */
  shouldUpdate() {
    return router.view === 'models';
  }

  /** On a phone there are more tabs than fit: another one is shown, and then left alone. */
  updated() {
    const tab = this.querySelector('.model-tabs [aria-current]');
    if (tab === this.tab) return;
    this.tab = tab;
    tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  async #askDisk() {
    try {
      this.disk = await api.get('/api/models/disk');
      this.requestUpdate();
    } catch {
      // The tab of the disks says why; here it is only a glance.
    }
  }

  render() {
    const { argument: tab, detail } = router;
    if (tab === 'file' && detail) return this.#single(html`<model-file .fileId=${detail}></model-file>`);
    if (tab === 'at' && detail) return this.#single(html`<model-file .place=${detail}></model-file>`);
    if (tab === 'entry' && detail) return this.#single(html`<model-entry .entryId=${detail}></model-entry>`);
    const shown = tab in TABS ? tab : '';
    return html`
      <div class="view models">
        <header class="view-head">
          <h1>${t('shell.views.models')}</h1>
          ${mayFetch()
            ? html`<button class="primary" @click=${() => openAdd()}>${icon('plus')}${t('models.add')}</button>`
            : nothing}
          <menu-button label=${t('models.more.title')} .items=${menu()}></menu-button>
        </header>
        <nav class="model-tabs" aria-label=${t('shell.views.models')}>
          ${Object.keys(TABS).map(
            (name) => html`<a href=${name ? `#/models/${name}` : '#/models'} aria-current=${name === shown ? 'page' : nothing}>
              ${t(`models.tab.${name || 'list'}`)}
              ${name === 'downloads' && downloads.unfinished.length
                ? html`<span class="count">${downloads.unfinished.length}</span>`
                : nothing}
            </a>`,
          )}
        </nav>
        ${shown === 'disk' ? nothing : this.#glance(shown === '')} ${TABS[shown](tab)}
      </div>
    `;
  }

  #single(content) {
    return html`<div class="view models">${content}</div>`;
  }

  /** The disk that models go to; elsewhere than in the list only when it is nearly full. */
  #glance(isList) {
    const volume = this.disk?.volumes.find(({ roles }) => roles.includes('models'));
    if (!volume || (!isList && !volume.level)) return nothing;
    return html`<a class="disk-glance" href="#/models/disk">
      <span class="unseen">${t('models.toDisk')}</span>${volumeBar(volume, false)}
    </a>`;
  }
}

function menu() {
  return [
    { label: t('models.civitai'), icon: 'library', href: '#/civitai' },
    mayFetch() && { label: t('models.scan'), icon: 'again', run: scan },
    mayFetch() && { label: t('models.newEntry'), icon: 'plus', href: '#/models/entry/new' },
    mayFetch() && { label: t('models.import'), icon: 'upload', run: importEntries },
    { label: t('models.export'), icon: 'download', run: () => exportEntries(false) },
    { label: t('models.exportOwn'), icon: 'download', run: () => exportEntries(true) },
  ];
}

function scan() {
  return notices.attempt(async () => {
    const { added, changed, gone } = await stock.scan();
    notices.say(t('models.scanned', { added, changed, gone }));
  });
}

/** Entries of a file, all of them or none. */
function importEntries() {
  const field = document.createElement('input');
  field.type = 'file';
  field.accept = '.json,application/json';
  field.onchange = () =>
    notices.attempt(async () => {
      let catalog;
      try {
        catalog = JSON.parse(await field.files[0].text());
      } catch {
        notices.say(t('models.noCatalog'), { isError: true });
        return;
      }
      const { imported } = await api.post('/api/catalog/import', catalog);
      notices.say(t('models.imported', { count: imported }));
      await stock.load();
    });
  field.click();
}

function exportEntries(isOwn) {
  return notices.attempt(async () => {
    const catalog = await api.get(`/api/catalog/export${isOwn ? '?own=1' : ''}`);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(catalog, null, 1)], { type: 'application/json' }));
    link.download = isOwn ? 'catalog-own.json' : 'catalog.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

customElements.define('models-view', ModelsView);
