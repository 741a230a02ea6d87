import { api } from '../core/api.js';
import { Store } from '../core/store.js';

const PATH = '/api/system/updates';

/** Which release runs, which there are, and what became of the last change; for the owner. */
class Updates extends Store {
  constructor() {
    super();
    this.status = null;
  }

  /** Whether Studio could be asked. */
  async look() {
    const { status: before } = this;
    try {
      const status = await api.get(PATH);
      // What was said of a change meanwhile is newer.
      if (before === this.status) this.#set(status);
      return true;
    } catch {
      // The page says itself that Studio is away, and it is away while it starts again.
      return false;
    }
  }

  async check() {
    this.#set(await api.post(`${PATH}/check`));
  }

  /** Begin a change: `apply`, `back` or `image`. */
  async begin(change, body = {}) {
    this.#set(await api.post(`${PATH}/${change}`, body));
  }

  /** Whoever reads it knows what became of the last change. */
  async dismiss() {
    this.#set(await api.remove(`${PATH}/notice`));
  }

  #set(status) {
    this.status = status;
    this.changed();
  }
}

export const updates = new Updates();
