import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { feed } from './feed.js';
import { hasEnded, isRunning } from './job.js';
import { jobs } from './jobs.js';
import { notices } from './notices.js';
import { session } from './session.js';

const ENDED_SHOWN = 100;

/** The line of waiting jobs as a person orders it, and what has ended today. */
class Line extends Store {
  constructor() {
    super();
    /** Ids in the order that was just asked for, until Studio tells its own. */
    this.wished = null;
    this.ended = new Map();
    this.names = new Map();
    /** Those that cancelling was asked for, before Studio says so. */
    this.leaving = new Set();
    feed.addEventListener('change', () => this.changed());
  }

  get waiting() {
    const known = feed.queue.jobs.filter((job) => isStillWaiting(job) && !this.leaving.has(job.id));
    if (!this.wished) return known;
    const place = new Map(this.wished.map((id, index) => [id, index]));
    return [...known].sort((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity));
  }

  /** What an engine has taken and not begun: it cannot be moved any more. */
  get next() {
    return feed.queue.next.filter((job) => isStillWaiting(job) && !this.leaving.has(job.id));
  }

  get running() {
    return jobs.all.filter(isRunning).sort((a, b) => (a.started_at ?? '').localeCompare(b.started_at ?? ''));
  }

  /** What ended since midnight, the latest first. */
  get today() {
    const since = midnight();
    const all = new Map([...this.ended, ...jobs.byId]);
    return [...all.values()]
      .filter((job) => hasEnded(job) && job.completed_at && new Date(job.completed_at) >= since)
      .sort((a, b) => b.completed_at.localeCompare(a.completed_at))
      .slice(0, ENDED_SHOWN);
  }

  /** What only HTTP tells: what ended before this page was opened, and who is who. */
  async load() {
    try {
      const from = encodeURIComponent(midnight().toISOString());
      const { jobs: found } = await api.get(`/api/jobs?from=${from}&limit=${ENDED_SHOWN}`);
      this.ended = new Map(found.filter(hasEnded).map((job) => [job.id, job]));
      if (session.isOwner) {
        const { users } = await api.get('/api/users');
        this.names = new Map(users.map(({ id, name }) => [id, name]));
      }
      this.changed();
    } catch {
      // What the socket tells is the greater part.
    }
  }

  /** Whose a job is, where that is not plain. */
  nameOf(job) {
    return job.user_id === session.user?.id ? '' : (this.names.get(job.user_id) ?? '');
  }

  /** Put a job at a place among those that are shown: at once here, then in Studio. */
  async move(id, to) {
    const order = this.waiting.map((job) => job.id);
    const from = order.indexOf(id);
    if (from < 0 || to === from || to < 0 || to >= order.length) return false;
    order.splice(to, 0, ...order.splice(from, 1));
    // Before the one that stands there now; past the last that is shown others may wait.
    const next = order[to + 1];
    const isWhole = feed.queue.jobs.length < 200;
    return this.#wish(order, id, { before: next ?? (isWhole ? '' : order[to - 1]) });
  }

  async #wish(order, id, body) {
    this.wished = order;
    this.changed();
    const went = await notices.attempt(() => api.post(`/api/jobs/${id}/move`, body));
    await feed.askQueue();
    this.wished = null;
    this.changed();
    return went;
  }

  async prioritise(id, priority) {
    await notices.attempt(() => api.post(`/api/jobs/${id}/move`, { priority }));
    await feed.askQueue();
  }

  /** Cancel jobs; those that wait are gone from the line at once. */
  async cancel(ids) {
    for (const id of ids) this.leaving.add(id);
    this.changed();
    const went = await notices.attempt(async () => {
      const answer = await api.post('/api/jobs/cancel', { ids });
      jobs.put(...answer.jobs);
    });
    await feed.askQueue();
    for (const id of ids) this.leaving.delete(id);
    this.changed();
    return went;
  }
}

/** The list of the line may be a moment older than what is known of its jobs. */
function isStillWaiting(job) {
  const known = jobs.byId.get(job.id);
  return !known || (!hasEnded(known) && !isRunning(known));
}

function midnight() {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate());
}

export const line = new Line();
