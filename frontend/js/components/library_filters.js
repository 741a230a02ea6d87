import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { boards } from '../models/boards.js';
import { EVERYBODY, FIELDS, isValid, KINDS } from '../models/library_query.js';
import { session } from '../models/session.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';

const LABELLED = { seed: 'numeric', width: 'numeric', height: 'numeric' };

/** How a field that narrows the library is said on its chip. */
function chipText(name, value) {
  if (name === 'favourite') return t('library.favourites');
  if (name === 'source') return t(`library.source.${value}`);
  if (name === 'rating') return t('library.atLeast', { count: Number(value) });
  if (name === 'kind') return t(`library.kind.${value}`);
  return t(`library.chip.${name}`, { value });
}

/** What the library is narrowed by now; each goes with one press. */
export function filterChips(query, change) {
  const shown = FIELDS.filter((name) => query[name]);
  if (!shown.length) return nothing;
  const clear = () => change(Object.fromEntries(shown.map((name) => [name, ''])));
  return html`
    <ul class="chips" aria-label=${t('library.filters')}>
      ${shown.map(
        (name) => html`<li class="chip">
          <span>${chipText(name, query[name])}</span>
          <button
            class="bare"
            aria-label=${t('library.without', { filter: chipText(name, query[name]) })}
            @click=${() => change({ [name]: '' })}
          >
            ${icon('close')}
          </button>
        </li>`,
      )}
      ${shown.length > 1
        ? html`<li><button class="bare" @click=${clear}>${t('library.clearFilters')}</button></li>`
        : nothing}
    </ul>
  `;
}

/** The same as fields, with what there is to choose from. */
export function openFilters(query, facets, change) {
  return openDialog({
    label: t('library.filter'),
    className: 'wide-dialog',
    content: (close) => html`<library-filters
      .query=${query}
      .facets=${facets}
      .change=${change}
      .close=${close}
    ></library-filters>`,
  });
}

class LibraryFilters extends Element {
  static properties = { query: { attribute: false } };

  constructor() {
    super();
    this.watch(boards);
  }

  #set(name, value) {
    if (value && !isValid(name, value)) return;
    this.query = { ...this.query, [name]: value };
    this.change({ [name]: value });
  }

  firstUpdated() {
    this.before = Object.fromEntries(FIELDS.map((name) => [name, this.query[name] ?? '']));
  }

  #replace(fields) {
    this.query = { ...this.query, ...fields };
    this.change(fields);
  }

  /** What was chosen here is shown at once: it is as it was before. */
  #cancel() {
    const isChanged = FIELDS.some((name) => (this.query[name] ?? '') !== this.before[name]);
    if (isChanged) this.change(this.before);
    this.close();
  }

  render() {
    const { facets } = this;
    return html`
      <h2>${t('library.filter')}</h2>
      <div class="fields">
        ${this.#choice('model', facets.models)} ${this.#choice('lora', facets.loras)}
        ${this.#choice('workflow', facets.workflows)}
        ${this.#choice('kind', KINDS.map((value) => ({ value })), (value) => t(`library.kind.${value}`))}
        ${this.#choice('rating', [1, 2, 3, 4, 5].map((value) => ({ value: String(value) })), (value) =>
          t('library.atLeast', { count: Number(value) }),
        )}
        ${this.#choice('source', [{ value: 'upload' }], (value) => t(`library.source.${value}`))}
        ${session.isOwner ? this.#users() : nothing}
        ${Object.keys(LABELLED).map((name) => this.#input(name, { inputmode: LABELLED[name] }))}
        ${this.#input('from', { type: 'date' })} ${this.#input('to', { type: 'date' })}
      </div>
      <label class="check">
        <input
          type="checkbox"
          .checked=${this.query.favourite === '1'}
          @change=${({ target }) => this.#set('favourite', target.checked ? '1' : '')}
        />
        ${t('library.onlyFavourites')}
      </label>
      <p class="hint">${t('library.typed')}</p>
      <div class="dialog-actions">
        <button @click=${() => this.#replace(Object.fromEntries(FIELDS.map((name) => [name, ''])))}>
          ${t('library.clearFilters')}
        </button>
        <button @click=${() => this.#cancel()}>${t('shell.cancel')}</button>
        <button class="primary" @click=${() => this.close()}>${t('library.show')}</button>
      </div>
    `;
  }

  #choice(name, options, labelOf = (value) => value) {
    const value = this.query[name] ?? '';
    const isGone = value && !options.some((option) => option.value === value);
    return html`
      <label class="field">
        <span>${t(`library.field.${name}`)}</span>
        <select @change=${({ target }) => this.#set(name, target.value)}>
          <option value="" ?selected=${!value}>${t('library.any')}</option>
          ${isGone ? html`<option value=${value} selected>${value}</option>` : nothing}
          ${options.map(
            (option) => html`<option value=${option.value} ?selected=${option.value === value}>
              ${labelOf(option.value)}${option.count ? ` (${option.count})` : ''}
            </option>`,
          )}
        </select>
      </label>
    `;
  }

  #users() {
    const { users } = this.facets;
    const options = users.filter(({ id }) => id !== session.user.id);
    const value = this.query.user ?? '';
    return html`
      <label class="field">
        <span>${t('library.field.user')}</span>
        <select @change=${({ target }) => this.#set('user', target.value)}>
          <option value="" ?selected=${!value}>${t('library.mine')}</option>
          <option value=${EVERYBODY} ?selected=${value === EVERYBODY}>${t('library.everybody')}</option>
          ${options.map(
            ({ id, name, count }) => html`<option value=${id} ?selected=${id === value}>${name} (${count})</option>`,
          )}
        </select>
      </label>
    `;
  }

  #input(name, { type = 'text', inputmode } = {}) {
    return html`
      <label class="field">
        <span>${t(`library.field.${name}`)}</span>
        <input
          type=${type}
          inputmode=${inputmode ?? nothing}
          .value=${this.query[name] ?? ''}
          @change=${({ target }) => this.#set(name, target.value.trim())}
        />
      </label>
    `;
  }
}

customElements.define('library-filters', LibraryFilters);
