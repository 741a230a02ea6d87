import { Store } from '../core/store.js';

/**
 * What the lightbox shows: a list of {job, output} and a place in it, or nothing.
 *
 * While it is open it has an entry of its own in the browser's history, so that Back closes it.
 */
class Viewer extends Store {
  constructor() {
    super();
    this.items = [];
    this.index = 0;
    addEventListener('popstate', () => this.#onTravel());
  }

  get item() {
    return this.items[this.index] ?? null;
  }

  open(items, outputId) {
    if (!this.item) history.pushState({ viewer: true }, '');
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
    if (!this.item) return;
    this.#hide();
    if (history.state?.viewer) history.back();
  }

  /** An output is no more: the next one takes its place. */
  drop(outputId) {
    const left = this.items.filter(({ output }) => output.id !== outputId);
    if (!left.length) {
      this.close();
      return;
    }
    this.items = left;
    this.index = Math.min(this.index, left.length - 1);
    this.changed();
  }

  #onTravel() {
    const isHere = Boolean(history.state?.viewer);
    if (this.item && !isHere) this.#hide();
    // What was looked at there is not known any more: nobody should have to go back twice.
    else if (!this.item && isHere) history.back();
  }

  #hide() {
    this.items = [];
    this.changed();
  }
}

export const viewer = new Viewer();
