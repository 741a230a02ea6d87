import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { feed } from './feed.js';
import { notices } from './notices.js';

const SAVE_MS = 300;
const LOOK_MS = 200;
const EMPTY = { id: null, picture: null, description: '', count: 3, scenes: [], preset_id: null, workflow_id: null };

/** Films that are planned: the one that is open, and all there are. Every change is kept by Studio. */
class Films extends Store {
  constructor() {
    super();
    this.clear();
  }

  clear() {
    this.list = [];
    this.makers = null;
    this.film = { ...EMPTY };
    /** What was changed and is not kept yet. */
    this.unkept = {};
    this.saving = null;
    this.changed();
  }

  /** Show a film: the one of that id, the latest one, or with `new` another one. */
  async open(id) {
    await this.flush();
    // Until it is there, the one before must not be taken for it.
    if (id) this.film = { ...EMPTY };
    const [films, makers] = await Promise.all([api.get('/api/films'), api.get('/api/films/makers')]);
    this.list = films.items;
    this.makers = makers.items;
    const found = id ? this.list.find((film) => film.id === id) : this.list[0];
    this.film = id === 'new' || !found ? { ...EMPTY } : found;
    this.changed();
  }

  /** Hear of what other pages change. */
  listen() {
    const unfollow = feed.follow('chats', (event) => {
      if (event !== 'film' && event !== 'snapshot') return;
      clearTimeout(this.looking);
      this.looking = setTimeout(() => this.#look(), LOOK_MS);
    });
    return () => {
      clearTimeout(this.looking);
      unfollow();
    };
  }

  async #look() {
    try {
      const { items } = await api.get('/api/films');
      this.list = items;
      const there = items.find(({ id }) => id === this.film.id);
      // What is written here meanwhile is newer than what came.
      if (there && !this.saving) this.film = { ...there, ...this.unkept };
      if (!there && this.film.id && !this.saving) this.film = { ...EMPTY };
      this.changed();
    } catch {
      // The next event asks again.
    }
  }

  set(changes) {
    this.film = { ...this.film, ...changes };
    this.unkept = { ...this.unkept, ...changes };
    this.changed();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => notices.attempt(() => this.flush()), SAVE_MS);
  }

  /** Keep what was changed; one request after the other. */
  async flush() {
    clearTimeout(this.waiting);
    await this.saving;
    if (!Object.keys(this.unkept).length) return;
    this.saving = this.#save();
    try {
      await this.saving;
    } finally {
      this.saving = null;
    }
  }

  async #save() {
    const { film } = this;
    const sent = this.unkept;
    this.unkept = {};
    try {
      const saved = film.id ? await api.patch(`/api/films/${film.id}`, sent) : await api.post('/api/films', sent);
      if (this.film.id === film.id) this.film = { ...saved, ...this.unkept };
      this.list = [saved, ...this.list.filter(({ id }) => id !== saved.id)];
      this.changed();
    } catch (error) {
      // It is tried again with the next change.
      if (error.status !== 404) this.unkept = { ...sent, ...this.unkept };
      throw error;
    }
  }

  /** A film with what is known already; answers its id. */
  async begin(fields) {
    return (await api.post('/api/films', fields)).id;
  }

  async remove() {
    clearTimeout(this.waiting);
    this.unkept = {};
    const { id, created_at: _, updated_at: _at, ...fields } = this.film;
    if (id) await api.remove(`/api/films/${id}`);
    await this.open(null);
    return fields;
  }
}

export const films = new Films();
