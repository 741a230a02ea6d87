import { Store } from '../core/store.js';
import { api } from '../core/api.js';
import { byAge, hasEnded } from './job.js';

const MOST_KEPT = 400;

/** Every job the page knows, and the latest preview of those that run. */
class Jobs extends Store {
  constructor() {
    super();
    this.clear();
  }

  clear() {
    for (const url of this.previews?.values() ?? []) URL.revokeObjectURL(url);
    this.byId = new Map();
    this.previews = new Map();
    /** Ids of jobs that were seen before they ended: their failures are news. */
    this.watched = new Set();
    /** Ids of outputs that were deleted here; lists that were loaded before still have them. */
    this.deleted = new Set();
    /** Ids of what this page asked for last. */
    this.asked = new Set();
    this.changed();
  }

  /** Newest first; those of one moment came in the order in which they were accepted. */
  get all() {
    return [...this.byId.values()].reverse().sort(byAge);
  }

  put(...jobs) {
    for (const job of jobs) this.#keep(job);
    this.#trim();
    this.changed();
  }

  /** Jobs that were just asked for; the socket may have told more of them before the answer came. */
  accept(...jobs) {
    this.askedFor(...jobs.map(({ id }) => id));
    this.put(...jobs.filter(({ id }) => !this.byId.has(id)));
  }

  askedFor(...ids) {
    this.asked = new Set(ids);
    this.changed();
  }

  #keep(job) {
    const known = this.byId.get(job.id);
    // A slow answer must not bring back to life what has ended.
    if (known && hasEnded(known) && !hasEnded(job)) return;
    this.byId.set(job.id, { ...job, progress: job.progress ?? known?.progress ?? null });
    if (hasEnded(job)) this.#dropPreview(job.id);
    else this.watched.add(job.id);
  }

  #trim() {
    if (this.byId.size <= MOST_KEPT) return;
    for (const job of this.all.slice(MOST_KEPT)) if (hasEnded(job)) this.byId.delete(job.id);
  }

  /** All unfinished jobs and the latest others: what else was unfinished has ended meanwhile. */
  async putSnapshot(jobs) {
    const present = new Set(jobs.map((job) => job.id));
    const gone = this.all.filter((job) => !hasEnded(job) && !present.has(job.id));
    // Lists begin with the newest.
    this.put(...[...jobs].reverse());
    await Promise.all(gone.map((job) => this.refresh(job.id)));
  }

  async refresh(id) {
    const { byId } = this;
    try {
      const job = await api.get(`/api/jobs/${id}`);
      // Cleared meanwhile: it was another person's.
      if (byId === this.byId) this.put(job);
    } catch (error) {
      if (error.status !== 404) return;
      this.byId.delete(id);
      this.changed();
    }
  }

  progress(id, progress) {
    const job = this.byId.get(id);
    if (!job || hasEnded(job)) return;
    this.byId.set(id, { ...job, progress });
    this.changed();
  }

  preview(id, picture) {
    if (this.byId.has(id) && hasEnded(this.byId.get(id))) return;
    this.#dropPreview(id);
    this.previews.set(id, URL.createObjectURL(picture));
    this.changed();
  }

  #dropPreview(id) {
    const url = this.previews.get(id);
    if (!url) return;
    this.previews.delete(id);
    // The picture on the screen is replaced at the next paint, and not before.
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async cancel(id) {
    this.put(await api.post(`/api/jobs/${id}/cancel`));
  }

  async deleteOutput(job, output) {
    await api.remove(`/api/jobs/${job.id}/outputs/${output.id}`);
    this.deleted.add(output.id);
    this.changed();
  }

  async retry(id, newSeed) {
    this.accept(await api.post(`/api/jobs/${id}/retry`, { new_seed: newSeed }));
  }
}

export const jobs = new Jobs();
