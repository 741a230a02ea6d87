import { api, loggedOut } from '../core/api.js';
import { Store, kept } from '../core/store.js';

/** Who is logged in. `state` is loading, in, out, fresh (nobody set Studio up yet) or offline. */
class Session extends Store {
  constructor() {
    super();
    this.state = 'loading';
    this.user = null;
    this.insecure = false;
    this.ended = false;
    loggedOut.addEventListener('change', () => this.end());
  }

  can(scope) {
    return this.user?.scopes.includes(scope) ?? false;
  }

  get isOwner() {
    return this.user?.role === 'owner';
  }

  async load() {
    try {
      const session = await api.get('/api/session');
      this.user = session.user;
      this.insecure = session.insecure;
      this.ended = false;
      this.#become('in');
    } catch (error) {
      if (error.status !== 401) this.#become('offline');
      else await this.#askWhetherFresh();
    }
  }

  async #askWhetherFresh() {
    this.user = null;
    try {
      this.#become((await api.get('/api/setup')).needed ? 'fresh' : 'out');
    } catch {
      this.#become('out');
    }
  }

  async login(name, password) {
    await api.post('/api/session', { name, password });
    await this.load();
  }

  async setUp(proof, password, name) {
    await api.post('/api/setup', { ...proof, password, name });
    await this.load();
  }

  async join(token, name, password) {
    await api.post('/api/join', { token, name, password });
    await this.load();
  }

  async logout() {
    await api.remove('/api/session');
    this.ended = false;
    this.#forget();
    this.#become('out');
  }

  /** The warning was read; it comes back with the next visit. */
  acceptInsecure() {
    this.insecure = false;
    this.changed();
  }

  /** The session is over, whoever ended it. */
  end() {
    if (this.state !== 'in') return;
    this.ended = true;
    this.#become('out');
  }

  #forget() {
    this.user = null;
    kept.remove('draft');
  }

  #become(state) {
    this.state = state;
    this.changed();
  }
}

export const session = new Session();
