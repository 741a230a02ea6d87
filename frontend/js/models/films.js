import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { feed } from './feed.js';
import { notices } from './notices.js';

const SAVE_MS = 300;
const LOOK_MS = 200;
/** Browsers let a page that is left send 64 KiB, all together. */
const OUTLIVES_BYTES = 60 * 1024;
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
    /** Whether `film` is the one that was asked for; until then nothing of it can be changed. */
    this.isOpen = false;
    /** The id of the open film, if saving made it. */
    this.created = null;
    /** What was changed and is not kept yet. */
    this.unkept = {};
    /** What is under way to Studio, and the request. */
    this.sent = {};
    this.saving = null;
    this.changed();
  }

  /** Show a film: the one of that id, the latest one, or with `new` another one. */
  async open(id) {
    const asked = (this.asked = {});
    this.isOpen = false;
    this.created = null;
    this.changed();
    // What is refused is told; it must not keep anybody from another film.
    await notices.attempt(() => this.flush());
    const [films, makers] = await Promise.all([api.get('/api/films'), api.get('/api/films/makers')]);
    if (asked !== this.asked) return;
    this.list = films.items;
    this.makers = makers.items;
    const found = id ? this.list.find((film) => film.id === id) : this.list[0];
    this.#show(id === 'new' || !found ? EMPTY : found);
    this.isOpen = true;
    this.changed();
  }

  #show(film) {
    clearTimeout(this.waiting);
    this.unkept = {};
    this.film = { ...film };
  }

  /** Hear of what other pages change. */
  listen() {
    const unfollow = feed.follow('chats', (event) => {
      if (event !== 'film' && event !== 'snapshot') return;
      this.#lookSoon();
    });
    // Phones end a page that is out of sight without another word.
    const hide = () => document.visibilityState === 'hidden' && this.#leave();
    const leave = () => this.#leave();
    document.addEventListener('visibilitychange', hide);
    window.addEventListener('pagehide', leave);
    return () => {
      clearTimeout(this.looking);
      unfollow();
      document.removeEventListener('visibilitychange', hide);
      window.removeEventListener('pagehide', leave);
    };
  }

  /** Who leaves the page cannot wait for the request before. */
  #leave() {
    // A film that is just being made has no address yet; a second request would make a second one.
    const isBegun = this.saving && !this.film.id;
    if (isBegun || !Object.keys(this.unkept).length) return;
    clearTimeout(this.waiting);
    notices.attempt(() => this.#begin());
  }

  #lookSoon() {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => this.#look(), LOOK_MS);
  }

  async #look() {
    const { id: asked } = this.film;
    try {
      const { items } = await api.get('/api/films');
      // One that was kept meanwhile is not among them; that is told, too.
      if (asked !== this.film.id) return;
      this.list = items;
      const there = items.find(({ id }) => id === this.film.id);
      // What is written here meanwhile is newer than what came.
      if (there && !this.saving) this.film = { ...there, ...this.unkept };
      // Of one that is gone nothing is left over, or it would become a film of its own.
      if (!there && this.film.id && !this.saving) this.#show(EMPTY);
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
    await this.#saved();
    if (Object.keys(this.unkept).length) await this.#begin();
  }

  async #begin() {
    const saving = this.#save().finally(() => {
      if (this.saving === saving) this.saving = null;
    });
    this.saving = saving;
    await saving;
  }

  /** Until no request is under way; whoever began it tells what went wrong. */
  async #saved() {
    while (this.saving) await this.saving.catch(() => {});
  }

  async #save() {
    const { film } = this;
    // With what is under way: then the request before may fail, and nothing older comes after this.
    const sent = { ...this.sent, ...this.unkept };
    this.sent = sent;
    this.unkept = {};
    const options = { keepalive: new Blob([JSON.stringify(sent)]).size <= OUTLIVES_BYTES };
    try {
      const saved = film.id
        ? await api.patch(`/api/films/${film.id}`, sent, options)
        : await api.post('/api/films', sent, options);
      if (this.sent !== sent) return;
      this.sent = {};
      if (this.film.id === film.id) {
        if (!film.id && this.isOpen) this.created = saved.id;
        this.film = { ...saved, ...this.unkept };
      }
      this.list = [saved, ...this.list.filter(({ id }) => id !== saved.id)];
      this.changed();
    } catch (error) {
      if (this.sent !== sent) return;
      this.sent = {};
      // It is tried again with the next change.
      if (this.film.id === film.id) this.#refused(sent, error);
      throw error;
    }
  }

  #refused(sent, error) {
    if (error.status !== 404) {
      this.unkept = { ...sent, ...this.unkept };
      return;
    }
    // The film is gone, or its picture is: what is there says which.
    const { picture: _, ...others } = sent;
    this.unkept = { ...others, ...this.unkept };
    if (!this.film.id) this.film = { ...this.film, picture: null };
    this.#lookSoon();
    this.changed();
  }

  /** A film with what is known already; answers its id. */
  async begin(fields) {
    return (await api.post('/api/films', fields)).id;
  }

  async remove() {
    clearTimeout(this.waiting);
    // A save that is under way would come after the end of its film, or begin it anew.
    await this.#saved();
    const { id, created_at: _, updated_at: _at, ...fields } = this.film;
    if (id) await api.remove(`/api/films/${id}`);
    this.#show(EMPTY);
    await this.open(null);
    return fields;
  }
}

export const films = new Films();
