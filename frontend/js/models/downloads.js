import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { feed } from './feed.js';
import { session } from './session.js';

const ASK_MS = 2000;
const ENDED = ['done', 'failed', 'canceled'];
const ACTIVE = ['resolving', 'downloading', 'verifying'];

export const hasEnded = ({ state }) => ENDED.includes(state);
export const isActive = ({ state }) => ACTIVE.includes(state);
export const mayFetch = () => session.can('models:write');

/** The moment that is so many seconds away: what is shown of one that waits is told but once. */
const timeIn = (seconds) => (seconds ? Date.now() + seconds * 1000 : null);

const pathOf = (id, rest = '') => `/api/downloads/${encodeURIComponent(id)}${rest}`;

/**
 * Everything that is fetched from elsewhere, as it goes, for as long as somebody watches. Says
 * `change`, and `arrived` with the download when a file has come.
 */
class Downloads extends Store {
  constructor() {
    super();
    this.watchers = 0;
    this.setting = Promise.resolve();
    this.#clear();
    session.addEventListener('other', () => this.#clear());
  }

  #clear() {
    /** Null until Studio has told. */
    this.byId = null;
    this.limits = null;
    this.error = null;
    /** How often something was told: an answer that was asked for before is the older news. */
    this.told = 0;
  }

  /** Be told how they go. Answers how to stop. */
  watch() {
    this.watchers += 1;
    if (this.watchers === 1 && session.can('graphs:run')) this.#start();
    let watches = true;
    return () => {
      if (!watches) return;
      watches = false;
      this.watchers -= 1;
      if (!this.watchers) this.#stop();
    };
  }

  #start() {
    this.leave = feed.follow('downloads', (event, data) => this.#onNews(event, data));
    if (feed.isLive === false) this.load();
    this.timer = setInterval(() => feed.isLive || this.load(), ASK_MS);
  }

  #stop() {
    clearInterval(this.timer);
    this.leave?.();
    this.leave = null;
  }

  /** What the socket tells, asked for; needed only while that is down. */
  async load() {
    const { told } = this;
    try {
      const found = await api.get('/api/downloads');
      if (told !== this.told) return;
      this.error = null;
      this.#onNews('snapshot', found);
    } catch (error) {
      this.error = error;
      this.changed();
    }
  }

  /** In their order: those that are worked on, then as they will follow. */
  get unfinished() {
    return [...(this.byId?.values() ?? [])].filter((each) => !hasEnded(each)).sort(byTurn);
  }

  /** Those whose order can be changed. */
  get waiting() {
    return this.unfinished.filter((each) => !isActive(each));
  }

  /** The latest first. */
  get ended() {
    return [...(this.byId?.values() ?? [])]
      .filter(hasEnded)
      .sort((a, b) => b.ended_at.localeCompare(a.ended_at));
  }

  /** The download that brings this file, else the latest that tried to: of what `install` names. */
  of({ reference, folder, name, sha256 }) {
    // What a job brought is its own: it is not among the models.
    const isIt = (each) =>
      each.root !== 'cache' &&
      ((sha256 && [each.sha256, each.expected_sha256].includes(sha256)) ||
        (name && each.folder === folder && each.name === name) ||
        (reference && each.folder === folder && each.reference === reference.split('?')[0]));
    return this.unfinished.find(isIt) ?? this.ended.find(isIt) ?? null;
  }

  /** Fetch a file: the body of `POST /api/downloads`. Answers the download. */
  add(wish) {
    return this.#act(api.post('/api/downloads', wish));
  }

  pause(id) {
    return this.#act(api.post(pathOf(id, '/pause')));
  }

  resume(id) {
    return this.#act(api.post(pathOf(id, '/resume')));
  }

  /** @param words the owner's: `allow_pickle` for this one file, `replace` the one that has its name */
  retry(id, words = {}) {
    return this.#act(api.post(pathOf(id, '/retry'), words));
  }

  /** Right before another one that waits, or to the end. */
  move(id, before = null) {
    return this.#act(api.post(pathOf(id, '/move'), { before }));
  }

  /** Give one up; one that has ended is forgotten. */
  async cancel(id) {
    const wasOver = this.byId?.has(id) && hasEnded(this.byId.get(id));
    await api.remove(pathOf(id));
    if (wasOver) this.byId?.delete(id);
    this.changed();
  }

  /** They show at once, so that the next change starts from them, and are sent one after the other. */
  async setLimits(limits) {
    const before = this.limits;
    const wanted = { ...before, ...limits };
    this.limits = wanted;
    this.changed();
    const sent = this.setting.then(() => api.put('/api/downloads/limits', wanted));
    this.setting = sent.catch(() => {});
    try {
      await sent;
    } catch (error) {
      this.limits = before;
      this.changed();
      throw error;
    }
  }

  /** What an answer says counts unless something was told since it was asked for. */
  async #act(request) {
    const { told } = this;
    const download = await request;
    if (told === this.told || !this.byId?.has(download.id)) this.#put([download]);
    this.changed();
    return download;
  }

  #onNews(event, { items = [], gone = [], limits = null }) {
    this.told += 1;
    if (event === 'snapshot') this.#replace(items);
    // How far something was is no news of what has ended meanwhile.
    else if (event === 'progress') this.#put(items.filter(({ id }) => !this.#isOver(id)));
    else this.#put(items);
    for (const id of gone) this.byId?.delete(id);
    this.limits = limits ?? this.limits;
    this.changed();
  }

  #isOver(id) {
    const known = this.byId?.get(id);
    return known !== undefined && hasEnded(known);
  }

  #replace(items) {
    const before = this.byId;
    this.byId = new Map();
    this.#put(items, before);
  }

  #put(items, before = this.byId) {
    this.byId ??= new Map();
    for (const item of items) {
      const known = before?.get(item.id);
      this.byId.set(item.id, { ...item, retry_at: timeIn(item.retry_in_seconds) });
      // A small one may have come before anybody heard of it.
      if (item.state === 'done' && before && !(known && hasEnded(known))) this.#arrived(item);
    }
  }

  #arrived(download) {
    this.dispatchEvent(new CustomEvent('arrived', { detail: download }));
  }
}

function byTurn(a, b) {
  return isActive(b) - isActive(a) || b.priority - a.priority || a.rank - b.rank;
}

export const downloads = new Downloads();
