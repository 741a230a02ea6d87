import { hasEnded } from './job.js';
import { jobs } from './jobs.js';

/** What a job has made is in the library a moment after its end; sometimes it takes another one. */
const PAUSES_MS = [800, 1500, 3000];

/** Says that something new may be in the library, until whoever listens has found it. */
export class Arrivals {
  /** @param look answers whether something new was there */
  constructor(look) {
    this.look = look;
    this.onChange = () => this.#compare();
  }

  watch() {
    this.latest = latestEnd();
    jobs.addEventListener('change', this.onChange);
    // What ended just before may be in the library only in a moment.
    if (this.latest) this.#wait(0);
  }

  rest() {
    jobs.removeEventListener('change', this.onChange);
    clearTimeout(this.timer);
  }

  #compare() {
    const latest = latestEnd();
    if (latest <= this.latest) return;
    this.latest = latest;
    this.#wait(0);
  }

  #wait(tries) {
    clearTimeout(this.timer);
    if (tries === PAUSES_MS.length) return;
    this.timer = setTimeout(async () => {
      let found = false;
      try {
        found = await this.look();
      } catch {
        // Studio may be away; the next look may find it.
      }
      if (!found) this.#wait(tries + 1);
    }, PAUSES_MS[tries]);
  }
}

function latestEnd() {
  let latest = '';
  for (const job of jobs.byId.values()) {
    if (hasEnded(job) && job.outputs.length && job.completed_at > latest) latest = job.completed_at;
  }
  return latest;
}
