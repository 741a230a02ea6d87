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
    /** Those that are asked for, with what was changed of them meanwhile. */
    this.asked = new Map();
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
      else this.asked.get(id)?.push(change);
    }
  }

  put(detail) {
    this.known.delete(detail.id);
    this.known.set(detail.id, detail);
    if (this.known.size > MOST_KEPT) this.known.delete(this.known.keys().next().value);
    this.dispatchEvent(new Event('change'));
  }

  async load(id) {
    if (this.known.has(id) || this.asked.has(id)) return;
    const changes = [];
    this.asked.set(id, changes);
    const found = await ask(id);
    this.asked.delete(id);
    // The answer may be older than what was changed while it was on its way.
    if (found) this.put(changes.reduce((detail, change) => ({ ...detail, ...change(detail) }), found));
  }
}

/** Ask for one; what was made a moment ago is in the library a moment later. */
async function ask(id) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.get(`/api/library/${id}`);
    } catch (error) {
      if (error.status !== 404 || tries === TRIES) return null;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    }
  }
}

export const details = new Details();
