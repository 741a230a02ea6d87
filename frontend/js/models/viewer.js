import { Store } from '../core/store.js';

/** What the lightbox shows: a list of {job, output} and a place in it, or nothing. */
class Viewer extends Store {
  constructor() {
    super();
    this.items = [];
    this.index = 0;
  }

  get item() {
    return this.items[this.index] ?? null;
  }

  open(items, outputId) {
    this.items = items;
    this.index = Math.max(0, items.findIndex(({ output }) => output.id === outputId));
    this.changed();
  }

  step(by) {
    const next = this.index + by;
    if (next < 0 || next >= this.items.length) return;
    this.index = next;
    this.changed();
  }

  close() {
    this.items = [];
    this.changed();
  }
}

export const viewer = new Viewer();
