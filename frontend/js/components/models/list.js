import { Element, html, live, nothing, repeat } from '../../core/element.js';
import { t } from '../../core/messages.js';
import { router } from '../../core/router.js';
import { downloads, isActive, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { MISSING, STATES, stock } from '../../models/stock.js';
import { downloadRow, keepFocus } from '../download_row.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';
import { openAdd } from './add.js';
import { entryRow, fileRow } from './rows.js';

const SHOWN_DOWNLOADS = 2;
const SKELETONS = [0, 1, 2, 3, 4];

/** The models that are here, and those that could be. */
class ModelList extends Element {
  static properties = { isCatalog: {} };

  constructor() {
    super();
    this.watch(stock, downloads, session);
    this.isOpen = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
  }

  willUpdate(changed) {
    if (changed.has('isCatalog')) stock.show(this.isCatalog);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
  }

  updated() {
    keepFocus(this);
  }

  render() {
    const { items, total, error, isMissing, isLoading } = stock;
    const row = isMissing ? entryRow : fileRow;
    return html`
      ${underWay()} ${this.#filters()}
      ${error ? html`<div class="problem" role="alert">
        ${errorText(error)}<button @click=${() => stock.load()}>${icon('again')}${t('shell.tryAgain')}</button>
      </div>` : nothing}
      ${faults()}
      <p class="unseen" role="status">
        ${isLoading || !items ? t('shell.loading') : t('models.found', { count: total })}
      </p>
      ${items && !items.length && !isLoading ? empty() : nothing}
      <ul class="rows models-rows" aria-busy=${isLoading || !items ? 'true' : 'false'}>
        ${items
          ? repeat(items, ({ id }) => id, (each) => html`<li class="row model">${row(each)}</li>`)
          : error
            ? nothing
            : SKELETONS.map(() => html`<li class="row is-loading" aria-hidden="true"></li>`)}
      </ul>
      ${items && items.length < total
        ? html`<button class="models-more" @click=${() => notices.attempt(() => stock.more())}>
            ${t('models.more', { count: total - items.length })}
          </button>`
        : nothing}
    `;
  }

  /** On a phone the list comes first: what narrows it opens below the search. */
  #filters() {
    const { query, choices } = stock;
    const choice = (name, label, options) => html`
      <label>
        <span class="unseen">${label}</span>
        <select
          class=${query[name] && name !== 'sort' ? 'is-set' : ''}
          @change=${({ target }) => stock.ask({ [name]: target.value })}
        >
          ${options.map(([value, text]) => html`<option value=${value} .selected=${live(value === query[name])}>${text}</option>`)}
        </select>
      </label>
    `;
    const including = (values, chosen) => [...new Set([...values, ...(chosen ? [chosen] : [])])];
    return html`
      <search class="model-filters">
        <label class="model-search">
          <span class="unseen">${t('models.search')}</span>
          ${icon('search')}
          <input
            type="search"
            placeholder=${t('models.search')}
            .value=${live(query.q)}
            @input=${({ target }) => stock.ask({ q: target.value })}
          />
        </label>
        <fieldset class="segments">
          <legend class="unseen">${t('models.which')}</legend>
          ${['', MISSING].map((state) => {
            const isChosen = state === MISSING ? stock.isMissing : !stock.isMissing;
            return html`<button
              type="button"
              aria-pressed=${isChosen ? 'true' : 'false'}
              @click=${() => router.go(state ? 'models/catalog' : 'models')}
            >
              ${t(state ? 'models.which.missing' : 'models.which.here')}
            </button>`;
          })}
        </fieldset>
        <button
          type="button"
          class="only-narrow"
          aria-label=${t('models.filters')}
          title=${t('models.filters')}
          aria-expanded=${this.isOpen ? 'true' : 'false'}
          aria-controls="model-choices"
          @click=${() => this.#open()}
        >
          ${icon('filter')}
        </button>
        <div id="model-choices" class="model-choices ${this.isOpen ? 'is-open' : ''}">
          ${choice('folder', t('models.folder'), [
            ['', t('models.everyFolder')],
            ...including(choices.folders, query.folder).map((each) => [each, each]),
          ])}
          ${choice('family', t('models.family'), [
            ['', t('models.everyFamily')],
            ...including(choices.families, query.family)
              .map((each) => [each, stock.familyName(each)])
              .sort(([, a], [, b]) => a.localeCompare(b)),
          ])}
          ${stock.isMissing
            ? nothing
            : choice('state', t('models.condition'), [
                ...STATES.filter((each) => each !== MISSING).map((each) => [each, t(`models.show.${each || 'all'}`)]),
              ])}
          ${choice('sort', t('models.sort'), stock.sorts.map((each) => [each, t(`models.sort.${each}`)]))}
        </div>
      </search>
    `;
  }

  #open() {
    this.isOpen = !this.isOpen;
    this.requestUpdate();
  }
}

/** What is on its way: the first of them. */
function underWay() {
  const { unfinished } = downloads;
  if (!unfinished.length) return nothing;
  const order = downloads.waiting.map(({ id }) => id);
  const active = unfinished.filter(isActive);
  const shown = active.length ? active.slice(0, SHOWN_DOWNLOADS) : unfinished.slice(0, 1);
  return html`
    <section aria-labelledby="models-under-way">
      <header class="section-head">
        <h2 id="models-under-way">${t('models.downloadsNow')}</h2>
        <a class="link" href="#/models/downloads">${t('models.allDownloads', { count: unfinished.length })}</a>
      </header>
      <ul class="rows">
        ${repeat(shown, ({ id }) => id, (each) => html`<li class="row download">${downloadRow(each, order)}</li>`)}
      </ul>
    </section>
  `;
}

/** Catalogs of the owner's that could not be read. */
function faults() {
  if (!stock.faults.length) return nothing;
  return html`<div class="banner is-warning" role="status">
    ${icon('warning')}
    <span>${stock.faults.map(({ catalog, message }) => html`${t('models.catalogFault', { catalog })} ${message} `)}</span>
  </div>`;
}

function empty() {
  const failed = downloads.ended.some(({ state }) => state === 'failed');
  if (stock.isFiltered) {
    return html`<div class="empty">
      ${icon('models')}
      <h2>${t('models.nothing')}</h2>
      <button @click=${() => stock.reset()}>${t('models.reset')}</button>
    </div>`;
  }
  return html`
    <div class="empty">
      ${icon('models')}
      <h2>${t(stock.isMissing ? 'models.hasAll' : 'models.none')}</h2>
      ${stock.isMissing ? nothing : html`<p>${t(mayFetch() ? 'models.noneHelp' : 'models.noneMember')}</p>`}
      ${stock.isMissing
        ? nothing
        : html`<div class="empty-ways">
            ${mayFetch() ? html`<button @click=${() => openAdd()}>${icon('plus')}${t('models.addTitle')}</button>` : nothing}
            <a class="button" href="#/models/catalog">${icon('search')}${t('models.toCatalog')}</a>
            <a class="button" href="#/models/bundles">${icon('models')}${t('models.tab.bundles')}</a>
          </div>`}
      ${failed ? html`<a class="link" href="#/models/downloads">${t('models.someFailed')}</a>` : nothing}
    </div>
  `;
}

customElements.define('model-list', ModelList);
