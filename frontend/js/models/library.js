import { address, api } from '../core/api.js';
import { Store } from '../core/store.js';
import { session } from './session.js';
import { toParameters } from './library_query.js';

const PAGE = 100;
const MOST_KEPT = 4000;
const MOST_ASKED = 3;
const LARGEST_PAGE = 500;
/** What one action takes. */
export const MOST_AT_ONCE = 5000;

/**
 * All that a query finds: the shape of everything at once, the pictures themselves page by page as
 * they come into sight. A picture that is not known yet is a hole in `items`.
 */
class Library extends Store {
  constructor() {
    super();
    this.query = {};
    this.#forget();
    session.addEventListener('other', () => this.#forget());
  }

  #forget() {
    /** The query that what is shown answers; null while nothing is. */
    this.shown = null;
    this.items = [];
    this.ratios = [];
    this.days = [];
    this.total = 0;
    this.state = 'loading';
    this.error = null;
    this.asked = new Map();
    this.fresh = false;
  }

  /** Whether what is shown answers an earlier query, until the answer to the present one is there. */
  get isWaiting() {
    return this.state === 'loading' && this.shown !== null;
  }

  /** Show what a query finds. */
  ask(query) {
    this.query = query;
    this.state = 'loading';
    this.changed();
    return this.reload();
  }

  /** Look again; what is shown stays until the answer is there. */
  async reload() {
    const question = (this.question = {});
    const { query } = this;
    const parameters = toParameters(query);
    const offset = -new Date().getTimezoneOffset();
    try {
      const [outline, page] = await Promise.all([
        api.get(address('/api/library/outline', { ...parameters, utc_offset: offset })),
        api.get(address('/api/library', { ...parameters, start: 0, limit: PAGE })),
      ]);
      if (question !== this.question) return;
      this.#forget();
      Object.assign(this, { shown: query, ratios: outline.ratios, days: outline.days, total: outline.total });
      this.items = new Array(outline.total);
      this.#fill(0, page.items);
      this.state = 'ready';
    } catch (error) {
      if (question !== this.question) return;
      // What an earlier query found is no answer to this one.
      if (this.isWaiting) this.#forget();
      this.error = error;
      this.state = 'error';
    }
    this.changed();
  }

  #fill(start, items) {
    for (const [place, item] of items.entries()) {
      if (start + place < this.total) this.items[start + place] = item;
    }
  }

  /** Load what is between these places, if it is not here; the places asked for last come first. */
  need(first, end) {
    if (this.state !== 'ready') return;
    for (let start = Math.floor(first / PAGE) * PAGE; start < Math.min(end, this.total); start += PAGE) {
      const stop = Math.min(start + PAGE, this.total);
      if (!this.#isWhole(start, stop) && !this.asked.has(start) && this.asked.size < MOST_ASKED) {
        this.#load(start);
      }
    }
    this.#trim((first + end) / 2);
  }

  #isWhole(start, stop) {
    for (let place = start; place < stop; place += 1) if (!this.items[place]) return false;
    return true;
  }

  async #load(start) {
    const { question, asked } = this;
    asked.set(start, true);
    try {
      const page = await this.#page(start, PAGE);
      if (question !== this.question || asked !== this.asked) return;
      this.#fill(start, page.items);
      // Something came or went since the outline: the places are no longer true.
      if (page.total !== this.total) this.reload();
    } catch {
      // Whoever still looks there asks again.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    asked.delete(start);
    if (asked === this.asked) this.changed();
  }

  /** Places are those of what is shown. */
  #page(start, limit) {
    return api.get(address('/api/library', { ...toParameters(this.shown), start, limit }));
  }

  /** Forget what is far from where somebody looks. */
  #trim(middle) {
    const known = this.items.reduce((count) => count + 1, 0);
    if (known <= MOST_KEPT) return;
    this.items.forEach((_, place) => {
      if (Math.abs(place - middle) > MOST_KEPT / 4) delete this.items[place];
    });
  }

  /** The pictures from one place to another, both included, at most as many as one action takes. */
  async range(from, to) {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    const end = Math.min(last + 1, first + MOST_AT_ONCE, this.total);
    const found = this.items.slice(first, end);
    if (this.#isWhole(first, end)) return found;
    const items = [];
    for (let start = first; start < end; start += LARGEST_PAGE) {
      const page = await this.#page(start, Math.min(LARGEST_PAGE, end - start));
      items.push(...page.items);
    }
    return items;
  }

  /** All that is on a board, however many, whatever of it is shown. */
  async board(id) {
    const items = [];
    for (;;) {
      const page = await api.get(address('/api/library', { board: id, start: items.length, limit: LARGEST_PAGE }));
      items.push(...page.items);
      if (!page.items.length || items.length >= page.total) return items;
    }
  }

  /** Change pictures that are shown, before Studio says so. */
  patch(ids, change) {
    const wanted = new Set(ids);
    this.items.forEach((item, place) => {
      if (wanted.has(item.id)) this.items[place] = { ...item, ...change(item) };
    });
    this.changed();
  }

  /** Take pictures from what is shown. */
  drop(ids) {
    const gone = new Set(ids);
    const isGone = this.items.map((item) => gone.has(item.id));
    const counts = this.#countsWithout(isGone);
    const left = (_, place) => !isGone[place];
    this.ratios = this.ratios.filter(left);
    const items = new Array(this.ratios.length);
    let at = 0;
    for (let place = 0; place < this.total; place += 1) {
      if (isGone[place]) continue;
      if (place in this.items) items[at] = this.items[place];
      at += 1;
    }
    this.items = items;
    this.total = this.ratios.length;
    this.days = counts;
    // Pages that are under way were asked for by places that have moved.
    this.asked = new Map();
    this.changed();
  }

  #countsWithout(isGone) {
    let place = 0;
    const days = this.days.map(({ day, count }) => {
      let left = 0;
      for (const end = place + count; place < end; place += 1) if (!isGone[place]) left += 1;
      return { day, count: left };
    });
    return days.filter(({ count }) => count);
  }

  /** Whether there is more, or less, than what is shown. */
  async isBehind() {
    const { question } = this;
    const page = await this.#page(0, 1);
    const isSame = page.total === this.total && page.items[0]?.id === (this.items[0]?.id ?? page.items[0]?.id);
    return question === this.question && !isSame;
  }
}

export const library = new Library();
