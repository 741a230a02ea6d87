import { Store } from './store.js';

/** The view is the part of the address after `#`, which no server ever sees. */
class Router extends Store {
  constructor() {
    super();
    addEventListener('hashchange', () => this.changed());
  }

  get view() {
    return this.#parts[0];
  }

  get argument() {
    return this.#part(1);
  }

  /** What is done there, as in `workflows/<id>/edit`. */
  get detail() {
    return this.#part(2);
  }

  #part(place) {
    const text = this.#parts[place] ?? '';
    try {
      return decodeURIComponent(text);
    } catch {
      // Cut off in the middle of a sign: whoever takes it will say that it is not whole.
      return text;
    }
  }

  get #parts() {
    return location.hash.replace(/^#\/?/, '').split('/');
  }

  /** Go to a view. */
  go(view) {
    location.hash = `#/${view}`;
  }

  /** Go there without leaving the present address in the history, as when it held a secret. */
  replace(view) {
    history.replaceState(null, '', `#/${view}`);
    this.changed();
  }
}

export const router = new Router();
