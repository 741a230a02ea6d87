import { Element, html, live, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { shelves } from '../components/library_boards.js';
import { filterChips, openFilters } from '../components/library_filters.js';
import { isSure, selectionBar } from '../components/selection_bar.js';
import { boards } from '../models/boards.js';
import { Arrivals } from '../models/arrivals.js';
import { library } from '../models/library.js';
import { EVERYBODY, FIELDS, fromAddress, keepView, keptView, parseTyped, toAddress } from '../models/library_query.js';
import { notices } from '../models/notices.js';
import { pictures } from '../models/pictures.js';
import { selection } from '../models/selection.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import '../components/library_scrubber.js';
import '../components/picture_grid.js';

const TYPING_MS = 220;
const SIZES = [140, 180, 220, 280, 360];
const SORTS = ['newest', 'oldest', 'rating'];
const NO_FACETS = { models: [], loras: [], workflows: [], kinds: [], users: [] };
/** A field that somebody is about to write. */
const UNFINISHED = new RegExp(`\\b(${[...FIELDS, 'size', 'is', 'prompt'].join('|')}):\\S*$`);

/** Everything that was made: as many as there are, found again by whatever is known of them. */
class LibraryView extends Element {
  static properties = { facets: { state: true }, fresh: { state: true } };

  constructor() {
    super();
    this.facets = NO_FACETS;
    this.view = keptView();
    this.watch(library, selection, boards);
    this.onRoute = () => this.#followAddress();
    this.onGone = ({ detail }) => selection.drop(detail);
    this.arrivals = new Arrivals(() => this.#arrived());
  }

  connectedCallback() {
    super.connectedCallback();
    router.addEventListener('change', this.onRoute);
    pictures.addEventListener('gone', this.onGone);
    this.arrivals.watch();
    boards.load();
    this.#loadFacets();
    if (session.can('admin')) this.#loadRules();
    this.#ask(router.argument ? fromAddress(router.argument) : this.view.query, { isArrival: true });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    router.removeEventListener('change', this.onRoute);
    pictures.removeEventListener('gone', this.onGone);
    this.arrivals.rest();
    clearTimeout(this.typing);
    selection.clear();
  }

  async #loadFacets() {
    try {
      this.facets = await api.get('/api/library/facets');
    } catch {
      // Then there is less to choose from.
    }
  }

  async #loadRules() {
    try {
      this.trashDays = (await api.get('/api/library/rules')).trash_days;
      this.requestUpdate();
    } catch {
      // Then it is said without a number.
    }
  }

  // -- what is shown -----------------------------------------------------------------------------

  #followAddress() {
    if (router.view !== 'library' || !router.argument) return;
    const wanted = fromAddress(router.argument);
    if (toAddress(wanted) !== toAddress(library.query)) this.#ask(wanted);
  }

  #ask(query, { isArrival = false } = {}) {
    this.fresh = 0;
    selection.clear();
    this.view = { ...this.view, query };
    keepView(this.view);
    const address = toAddress(query);
    history.replaceState(history.state, '', `#/library${address ? `/${encodeURIComponent(address)}` : ''}`);
    this.#show(query, isArrival);
  }

  /** What was shown stays where it is until there is something else to look at. */
  async #show(query, isArrival) {
    await library.ask(query);
    // Whoever comes back is led to where they were.
    if (query === library.shown && !isArrival) scrollTo(0, 0);
  }

  change = (fields) => this.#ask({ ...library.query, ...fields });

  #look(fields) {
    this.view = { ...this.view, ...fields };
    keepView(this.view);
    this.requestUpdate();
  }

  #typed(text, isWhole) {
    clearTimeout(this.typing);
    if (!isWhole && UNFINISHED.test(text)) return;
    this.typing = setTimeout(
      () => {
        const wanted = isWhole || /\s$/.test(text) ? parseTyped(text) : { q: text.trim() };
        const isNew = Object.entries(wanted).some(([name, value]) => (library.query[name] ?? '') !== value);
        if (isNew) this.change(wanted);
      },
      isWhole ? 0 : TYPING_MS,
    );
  }

  /** Something was made: shown at once to who is at the top, offered to who looks elsewhere. */
  async #arrived() {
    if (library.state !== 'ready' || !(await library.isBehind())) return false;
    this.#loadFacets();
    if (scrollY < innerHeight / 2 && !selection.size && !viewer.isOpen) await library.reload();
    else this.fresh = true;
    return true;
  }

  /** From where nothing is, the mouse draws a box around what it chooses. */
  #drawBox(event) {
    const isFree = !event.target.closest('.cell, button, a, input, label, [role="slider"], [role="toolbar"], .menu');
    if (isFree && event.pointerType === 'mouse' && !event.button) this.grid.box.begin(event);
  }

  #showFresh() {
    this.fresh = false;
    scrollTo({ top: 0 });
    library.reload();
  }

  // -- the page ----------------------------------------------------------------------------------

  render() {
    const { query, shown, state, total, isWaiting } = library;
    return html`
      <div class="view library ${isWaiting ? 'is-waiting' : ''}" @pointerdown=${(event) => this.#drawBox(event)}>
        <header class="view-head library-head">
          <h1>${t('library.title')}</h1>
          ${this.#search(query)} ${this.#tools(query)}
        </header>
        ${shelves({
          query,
          change: this.change,
          drop: (board) => this.lifted && pictures.putOn(this.lifted, board),
          items: (board) => library.board(board.id),
          putOn: (items, board) => pictures.putOn(items, board),
        })}
        ${filterChips(query, this.change)}
        <p class="hint library-count" role="status">
          ${shown && total ? t('library.count', { count: total }) : ''}
        </p>
        ${shown?.trashed && total ? this.#trashHead() : nothing}
        ${this.fresh
          ? html`<button class="fresh" @click=${() => this.#showFresh()}>${icon('again')}${t('library.fresh')}</button>`
          : nothing}
        ${state === 'error' ? this.#problem() : state === 'loading' && !isWaiting ? skeleton() : nothing}
        ${shown && state !== 'error' && !total ? this.#empty(shown) : nothing}
        <div class="library-body" aria-busy=${isWaiting ? 'true' : 'false'}>
          <picture-grid
            .target=${this.view.target}
            .isSquare=${this.view.isSquare}
            .whose=${Boolean(shown?.user)}
            @show=${({ detail }) => viewer.browse(library, detail)}
            @favour=${({ detail }) => pictures.favour([detail], !detail.favourite)}
            @lift=${({ detail }) => (this.lifted = detail)}
          ></picture-grid>
          <library-scrubber .grid=${this.grid}></library-scrubber>
        </div>
        ${selectionBar()}
      </div>
    `;
  }

  firstUpdated() {
    this.grid = this.querySelector('picture-grid');
    this.requestUpdate();
  }

  updated() {
    // It follows the grid's layout, which is known once the grid has rendered.
    this.grid?.updateComplete.then(() => this.querySelector('library-scrubber')?.requestUpdate());
    const shelf = this.querySelector('.shelf[aria-current]');
    if (shelf?.offsetLeft !== this.shelfAt) shelf?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.shelfAt = shelf?.offsetLeft;
  }

  #search(query) {
    const names = [...this.facets.models.map((each) => `model:"${each.value}"`), ...this.facets.loras.map((each) => `lora:"${each.value}"`)];
    return html`
      <label class="search">
        ${icon('search')}
        <input
          type="search"
          list="library-words"
          autocomplete="off"
          placeholder=${t('library.search')}
          aria-label=${t('library.search')}
          .value=${live(this.isTyping ? this.typedText : (query.q ?? ''))}
          @focus=${({ target }) => this.#startTyping(target.value)}
          @blur=${() => this.#stopTyping()}
          @input=${({ target }) => {
            this.typedText = target.value;
            this.#typed(target.value, names.includes(target.value));
          }}
          @change=${({ target }) => this.#typed(target.value, true)}
          @keydown=${(event) => this.#searchKey(event)}
        />
        <datalist id="library-words">${names.slice(0, 200).map((name) => html`<option value=${name}></option>`)}</datalist>
      </label>
    `;
  }

  #startTyping(text) {
    this.isTyping = true;
    this.typedText = text;
  }

  #stopTyping() {
    this.isTyping = false;
    this.requestUpdate();
  }

  /** What was understood becomes chips, and the field keeps the words. */
  #searchKey(event) {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' && library.total) {
      event.preventDefault();
      this.grid.focusAt(this.grid.active);
    } else if (event.key === 'Enter') {
      this.typedText = parseTyped(event.target.value).q;
      this.#typed(event.target.value, true);
    }
  }

  #tools(query) {
    const { target, isSquare } = this.view;
    const size = SIZES.indexOf(target);
    return html`
      <button aria-haspopup="dialog" aria-label=${t('library.filter')} @click=${() => openFilters(library.query, this.facets, this.change)}>
        ${icon('filter')}<span>${t('library.filter')}</span>
      </button>
      ${session.isOwner && this.facets.users.length > 1
        ? html`<label class="check">
            <input
              type="checkbox"
              .checked=${live(query.user === EVERYBODY)}
              @change=${({ target: box }) => this.change({ user: box.checked ? EVERYBODY : '' })}
            />
            ${t('library.everybody')}
          </label>`
        : nothing}
      <menu-button
        label=${t('library.look')}
        symbol=${isSquare ? 'squares' : 'rows'}
        .items=${[
          ...SORTS.map((sort) => ({
            label: t(`library.sort.${sort}`),
            icon: (query.sort || 'newest') === sort ? 'check' : 'none',
            run: () => this.change({ sort: sort === 'newest' ? '' : sort }),
          })),
          { label: t('library.rows'), icon: isSquare ? 'rows' : 'check', run: () => this.#look({ isSquare: false }) },
          { label: t('library.squares'), icon: isSquare ? 'check' : 'squares', run: () => this.#look({ isSquare: true }) },
          session.can('admin') && { label: t('library.rules'), icon: 'settings', href: '#/settings/retention' },
        ]}
      ></menu-button>
      <label class="size-slider only-wide">
        <span class="unseen">${t('library.size')}</span>
        <input
          type="range"
          min="0"
          max=${SIZES.length - 1}
          .value=${live(String(size < 0 ? 2 : size))}
          @input=${({ target: slider }) => this.#look({ target: SIZES[Number(slider.value)] })}
        />
      </label>
    `;
  }

  #trashHead() {
    const all = (run) => () => notices.attempt(async () => run(await library.range(0, library.total - 1)));
    return html`
      <div class="banner">
        ${icon('remove')}<span>${this.trashDays ? t('library.trashDays', { count: this.trashDays }) : t('library.trashHelp')}</span>
        <button @click=${all((items) => pictures.restore(items))}>${t('library.restoreAll')}</button>
        <button class="danger" @click=${all(async (items) => (await isSure(items.length)) && pictures.purge(items))}>
          ${t('library.emptyIt')}
        </button>
      </div>
    `;
  }

  #problem() {
    return html`<div class="problem" role="alert">
      ${errorText(library.error)}
      <button @click=${() => library.ask(library.query)}>${icon('again')}${t('shell.tryAgain')}</button>
    </div>`;
  }

  #empty(query) {
    const isNarrowed = query.q || FIELDS.some((name) => query[name] && name !== 'favourite');
    if (isNarrowed) {
      const fields = Object.fromEntries(['q', ...FIELDS].map((name) => [name, '']));
      return html`<div class="empty">
        ${icon('search')}
        <p>${query.q ? t('library.nothing', { text: query.q }) : t('library.nothingSo')}</p>
        <button @click=${() => this.change(fields)}>${t('library.clearFilters')}</button>
      </div>`;
    }
    const [symbol, said] = query.trashed
      ? ['remove', 'library.emptyTrash']
      : query.board
        ? ['board', 'library.emptyBoard']
        : query.favourite
          ? ['heart', 'library.emptyFavourites']
          : ['library', 'library.empty'];
    return html`
      <div class="empty">
        ${icon(symbol)}
        <p>${t(said)}</p>
        ${symbol === 'library' ? html`<a class="button" href="#/create">${t('shell.toCreate')}</a>` : nothing}
      </div>
    `;
  }
}

const skeleton = () => html`
  <div class="grid-wait" aria-hidden="true">${Array.from({ length: 18 }, () => html`<span class="shimmer is-moving"></span>`)}</div>
`;

customElements.define('library-view', LibraryView);
