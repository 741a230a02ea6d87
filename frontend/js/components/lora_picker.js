import { Element, html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { loras, shortName } from '../models/loras.js';
import { icon } from './icons.js';

/** More than anybody reads; words narrow them down. */
const MOST_SHOWN = 100;
let made = 0;

/** A field that finds LoRAs by their words; those that fit the chosen model come first. */
class LoraPicker extends Element {
  static properties = {
    options: { attribute: false },
    onPick: { attribute: false },
    query: { state: true },
    isOpen: { state: true },
    active: { state: true },
  };

  constructor() {
    super();
    this.options = [];
    this.query = '';
    this.isOpen = false;
    this.active = 0;
    this.place = `loras-${(made += 1)}`;
    this.watch(loras);
    this.addEventListener('focusout', ({ relatedTarget }) => this.contains(relatedTarget) || this.#close());
  }

  connectedCallback() {
    super.connectedCallback();
    // Pictures are looked for only for those that somebody sees.
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) loras.findPicture(target.dataset.file);
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.seen.disconnect();
  }

  updated() {
    this.seen.disconnect();
    if (!this.isOpen) return;
    for (const option of this.querySelectorAll('[role=option]')) this.seen.observe(option);
    this.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }

  get #groups() {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.options.map(({ value }) => ({ value, known: loras.of(value) }));
    const textOf = ({ value, known }) =>
      [value, known?.title, known?.family_name, ...(known?.trigger_words ?? [])].join(' ').toLowerCase();
    const found = all.filter((each) => words.every((word) => textOf(each).includes(word)));
    const isFavourite = ({ known }) => Boolean(known?.favourite);
    found.sort((a, b) => isFavourite(b) - isFavourite(a));
    const { family_name: family } = loras.known;
    const fits = (wanted) => found.filter(({ known }) => (known?.fits ?? null) === wanted);
    const groups = [
      { name: t('making.lorasFor', { family }), items: fits(true) },
      { name: family ? t('making.lorasUnknown') : '', items: fits(null) },
      { name: t('making.lorasOther'), items: fits(false) },
    ].filter(({ items }) => items.length);
    let left = MOST_SHOWN;
    return groups.map(({ name, items }) => {
      const shown = items.slice(0, left);
      left -= shown.length;
      return { name, items: shown };
    });
  }

  render() {
    const groups = this.isOpen ? this.#groups : [];
    const flat = groups.flatMap(({ items }) => items);
    this.shown = flat;
    const active = flat.length ? Math.min(this.active, flat.length - 1) : -1;
    let at = -1;
    return html`
      <label class="search">
        <span class="unseen">${t('making.addLora')}</span>${icon('search')}
        <input
          type="search"
          role="combobox"
          autocomplete="off"
          spellcheck="false"
          placeholder=${t('making.addLora')}
          aria-autocomplete="list"
          aria-expanded=${this.isOpen ? 'true' : 'false'}
          aria-controls=${this.place}
          aria-activedescendant=${active >= 0 ? `${this.place}-${active}` : nothing}
          .value=${live(this.query)}
          @input=${({ target }) => this.#find(target.value)}
          @click=${() => this.#open()}
          @keydown=${(event) => this.#onKey(event, active)}
        />
      </label>
      <div class="lora-options" role="listbox" id=${this.place} aria-label=${t('making.loras')} ?hidden=${!flat.length}>
        ${groups.map(
          ({ name, items }, number) => html`
            <div role="group" aria-labelledby=${name ? `${this.place}-group-${number}` : nothing}>
              ${name ? html`<div class="lora-group" id="${this.place}-group-${number}">${name}</div>` : nothing}
              ${items.map((item) => this.#option(item, (at += 1), active))}
            </div>
          `,
        )}
      </div>
      <p class="hint" role="status">
        ${this.isOpen && !flat.length && this.query ? t('making.nothing', { text: this.query }) : nothing}
      </p>
    `;
  }

  #option({ value, known }, at, active) {
    const picture = loras.pictures.get(value);
    const facts = [known?.fits === true ? null : known?.family_name, known?.trigger_words.slice(0, 6).join(', ')];
    return html`
      <div
        role="option"
        id="${this.place}-${at}"
        data-file=${value}
        aria-selected=${at === active ? 'true' : 'false'}
        @pointerdown=${(event) => event.preventDefault()}
        @click=${() => this.#pick(value)}
      >
        ${picture ? html`<img src=${picture} alt="" loading="lazy" />` : html`<span class="lora-face">${icon('custom')}</span>`}
        <span class="lora-words">
          <b>${known?.favourite ? '★ ' : ''}${shortName(value)}</b>
          <small>${[known?.title, ...facts].filter(Boolean).join(' · ')}</small>
        </span>
      </div>
    `;
  }

  #open() {
    if (this.isOpen) return;
    Object.assign(this, { isOpen: true, active: 0 });
    loras.look({ isFresh: true });
  }

  #find(query) {
    this.#open();
    Object.assign(this, { query, active: 0 });
  }

  #close() {
    Object.assign(this, { isOpen: false, query: '', active: 0 });
  }

  #pick(value) {
    this.#close();
    this.onPick(value);
  }

  #onKey(event, active) {
    const last = this.shown.length - 1;
    const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 8, PageUp: active - 8 };
    if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey && !event.isComposing) {
      // It never starts a job from here.
      event.preventDefault();
      if (this.isOpen && active >= 0) this.#pick(this.shown[active].value);
      else this.#open();
    } else if (event.key === 'Escape' && this.isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.#close();
    } else if (event.key in moves) {
      event.preventDefault();
      if (!this.isOpen) this.#open();
      else this.active = Math.max(0, Math.min(last, moves[event.key]));
    }
  }
}

customElements.define('lora-picker', LoraPicker);
