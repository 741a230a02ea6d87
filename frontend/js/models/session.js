import { api, loggedOut } from '../core/api.js';
import { Store, kept } from '../core/store.js';

/**
 * Who is logged in. `state` is loading, in, out, fresh (nobody set Studio up yet) or offline.
 * Says `other` before somebody comes in who is not the one that this browser knew.
 */
class Session extends Store {
  constructor() {
    super();
    this.state = 'loading';
    this.user = null;
    /** Who came in last in this browser. */
    this.lastName = kept.get('name', '');
    this.insecure = false;
    this.publicUrl = '';
    this.ended = false;
    this.knownId = kept.get('user', null);
    loggedOut.addEventListener('change', () => this.end());
  }

  can(scope) {
    return this.user?.scopes.includes(scope) ?? false;
  }

  get isOwner() {
    return this.user?.role === 'owner';
  }

  async load() {
    // Somebody may come in while an earlier question is under way: the latest answer counts.
    const asked = (this.asked = {});
    const found = await this.#find();
    if (asked !== this.asked) return;
    if (found.state === 'in') {
      this.#meet(found.user);
      this.insecure = found.insecure;
      this.publicUrl = found.public_url;
      this.ended = false;
    } else if (found.state !== 'offline') this.user = null;
    this.#become(found.state);
  }

  async #find() {
    try {
      return { state: 'in', ...(await api.get('/api/session')) };
    } catch (error) {
      if (error.status !== 401) return { state: 'offline' };
    }
    try {
      return { state: (await api.get('/api/setup')).needed ? 'fresh' : 'out' };
    } catch {
      return { state: 'out' };
    }
  }

  #meet(user) {
    if (user.id !== this.knownId) this.dispatchEvent(new Event('other'));
    this.user = user;
    this.lastName = user.name;
    this.knownId = user.id;
    kept.set('user', user.id);
    kept.set('name', user.name);
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
    this.user = null;
    this.#become('out');
  }

  /** The warning was read; it comes back with the next visit. */
  acceptInsecure() {
    this.insecure = false;
    this.changed();
  }

  /** A session is over, whoever ended it; the browser may have come by another one meanwhile. */
  end() {
    if (this.state !== 'in') return;
    this.ended = true;
    this.#become('loading');
    this.load();
  }

  #become(state) {
    this.state = state;
    this.changed();
  }
}

export const session = new Session();
