import { Store } from '../core/store.js';

/**
 * What the lightbox shows: a place in a list, or nothing. The list has `total`, `items` with holes
 * where pictures are not known yet, and `need(first, end)` that fetches them, as the library does.
 *
 * While it is open it has an entry of its own in the browser's history, so that Back closes it.
 */
class Viewer extends Store {
  constructor() {
    super();
    this.source = null;
    this.index = 0;
    /** While it closes: until it has. */
    this.left = null;
    addEventListener('popstate', () => this.#onTravel());
  }

  get isOpen() {
    return this.source !== null;
  }

  get total() {
    return this.source?.total ?? 0;
  }

  /** What is at a place: a picture of the library, or {job, output}. */
  at(index = this.index) {
    return this.source?.items[index] ?? null;
  }

  /** Show outputs of jobs: {job, output}. */
  open(items, outputId) {
    const place = items.findIndex(({ output }) => output.id === outputId);
    this.browse({ items, total: items.length, need() {}, isGiven: true }, Math.max(0, place));
  }

  /** Show a list that may be long, such as the library. */
  browse(source, index) {
    if (!this.isOpen) history.pushState({ viewer: true, place: history.state?.place }, '');
    this.source = source;
    this.#go(index);
  }

  #go(index) {
    this.index = index;
    this.source.need(Math.max(0, index - 2), index + 3);
    this.changed();
  }

  step(by) {
    const next = this.index + by;
    if (next >= 0 && next < this.total) this.#go(next);
  }

  /**
   * Close it. It stays in the way until its entry in the history is gone: whatever was clicked
   * before that, the way back would undo.
   */
  close() {
    if (!this.isOpen) return Promise.resolve();
    if (!history.state?.viewer) this.#hide();
    else if (!this.left) {
      this.left = new Promise((resolve) => (this.settle = resolve));
      history.back();
    }
    return this.left ?? Promise.resolve();
  }

  /** Pictures are no more: the next one takes their place. */
  drop(ids) {
    if (!this.isOpen) return;
    if (this.source.isGiven) {
      this.source.items = this.source.items.filter(({ output }) => !ids.has(output.id));
      this.source.total = this.source.items.length;
    }
    this.#settle();
  }

  /** The list became shorter: what is past its end is not there any more. */
  fit() {
    if (this.isOpen && this.index >= this.total) this.#settle();
  }

  #settle() {
    if (!this.total) this.close();
    else this.#go(Math.min(this.index, this.total - 1));
  }

  #onTravel() {
    const isHere = Boolean(history.state?.viewer);
    if (this.isOpen && !isHere) this.#hide();
    // A dialog of its own was left with it; or what was looked at there is not known any more.
    // Nobody should have to go back twice.
    else if (isHere && (this.left || !this.isOpen)) history.back();
  }

  #hide() {
    this.source = null;
    this.settle?.();
    this.left = null;
    this.changed();
  }
}

export const viewer = new Viewer();
