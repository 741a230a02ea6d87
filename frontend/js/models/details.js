import { api } from '../core/api.js';
import { pictures } from './pictures.js';

const MOST_KEPT = 60;
const TRIES = 4;
const SETTLE_MS = 700;

/** Everything that is known of single pictures, kept for as long as somebody may come back to them. */
class Details extends EventTarget {
  constructor() {
    super();
    this.known = new Map();
    pictures.addEventListener('patch', ({ detail }) => this.#patch(detail));
    pictures.addEventListener('gone', ({ detail }) => detail.forEach((id) => this.known.delete(id)));
  }

  get(id) {
    return this.known.get(id) ?? null;
  }

  #patch({ ids, change }) {
    for (const id of ids) {
      const found = this.known.get(id);
      if (found) this.put({ ...found, ...change(found) });
    }
  }

  put(detail) {
    this.known.delete(detail.id);
    this.known.set(detail.id, detail);
    if (this.known.size > MOST_KEPT) this.known.delete(this.known.keys().next().value);
    this.dispatchEvent(new Event('change'));
  }

  /** Ask for one; what was made a moment ago is in the library a moment later. */
  async load(id) {
    if (this.known.has(id)) return;
    for (let tries = 1; ; tries += 1) {
      try {
        this.put(await api.get(`/api/library/${id}`));
        return;
      } catch (error) {
        if (error.status !== 404 || tries === TRIES) return;
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      }
    }
  }
}

export const details = new Details();
