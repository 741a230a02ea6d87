import { Store } from '../core/store.js';
import { library } from './library.js';
import { notices } from './notices.js';

/** The pictures that were chosen to do something with: by id, whether they are in sight or not. */
class Selection extends Store {
  constructor() {
    super();
    this.byId = new Map();
    /** Where a range begins. */
    this.anchor = 0;
  }

  get size() {
    return this.byId.size;
  }

  get items() {
    // As they are now: a rating may have changed since they were chosen.
    const now = new Map(library.items.filter(Boolean).map((item) => [item.id, item]));
    return [...this.byId.values()].map((item) => now.get(item.id) ?? item);
  }

  has(item) {
    return Boolean(item) && this.byId.has(item.id);
  }

  toggle(index) {
    const item = library.items[index];
    if (!item) return;
    this.anchor = index;
    if (!this.byId.delete(item.id)) this.byId.set(item.id, item);
    this.changed();
  }

  /** Everything from the anchor to here, and nothing else. */
  range(index) {
    return notices.attempt(async () => {
      const items = await library.range(this.anchor, index);
      this.#become(items);
    });
  }

  all() {
    return notices.attempt(async () => this.#become(await library.range(0, library.total - 1)));
  }

  /** These places, and those of `before`. */
  set(indices, before = []) {
    const items = indices.map((index) => library.items[index]).filter(Boolean);
    this.#become([...before, ...items]);
  }

  #become(items) {
    this.byId = new Map(items.map((item) => [item.id, item]));
    this.changed();
  }

  drop(ids) {
    for (const id of ids) this.byId.delete(id);
    this.changed();
  }

  clear() {
    if (!this.byId.size) return;
    this.byId = new Map();
    this.changed();
  }
}

export const selection = new Selection();
