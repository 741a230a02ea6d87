import { api } from '../core/api.js';
import { LiveSocket } from '../core/socket.js';
import { Store } from '../core/store.js';
import { jobs } from './jobs.js';
import { session } from './session.js';

const EMBEDDED = 'embedded';
const POLL_MS = 2000;
const SETTLE_MS = 250;
/** Nobody answered, or only a proxy on the way did. */
const UNREACHED = /^(offline|http_50[234])$/;
const NO_QUEUE = { paused: false, depth: 0, next: [], jobs: [] };
const NOT_KNOWN = { ready: true, reasons: [], notices: [], engine_kinds: {} };
const TOPICS = ['jobs', 'queue', 'previews', 'system'];

/** Keeps jobs and queue up to date: by the socket, and while that is down by asking. */
class Feed extends Store {
  constructor() {
    super();
    /** Whether events come as they happen; null before the first try is over. */
    this.isLive = null;
    /** Whether Studio could not be reached when it was last tried. */
    this.isAway = false;
    this.queue = NO_QUEUE;
    this.system = NOT_KNOWN;
    this.queueWatchers = 0;
    /** Who else listens, by topic. */
    this.followers = new Map();
  }

  start() {
    if (this.socket) return;
    this.socket = new LiveSocket([...TOPICS, ...this.followers.keys()], {
      onEvent: (topic, event, data) => this.#onEvent(topic, event, data),
      onSnapshot: (topic, data) => this.#onSnapshot(topic, data),
      onPreview: (head, picture) => jobs.preview(head.job_id, picture),
      onState: (isUp) => this.#onState(isUp),
      onEnd: () => session.end(),
    });
    this.poll();
    this.timer = setInterval(() => this.isLive || this.poll(), POLL_MS);
  }

  stop() {
    this.socket?.close();
    this.socket = null;
    clearInterval(this.timer);
    clearTimeout(this.asking);
    this.isLive = null;
    this.isAway = false;
    this.queue = NO_QUEUE;
    jobs.clear();
  }

  /** Whether all there is are the embedded engine's placeholders. */
  get paintsPlaceholders() {
    const kinds = Object.values(this.system.engine_kinds);
    return kinds.length > 0 && kinds.every((kind) => kind === EMBEDDED);
  }

  /** Whether a ComfyUI is there, whose editor could be opened. */
  get hasComfyUI() {
    return Object.values(this.system.engine_kinds).some((kind) => kind !== EMBEDDED);
  }

  isPlaceholder(job) {
    return this.system.engine_kinds[job.engine] === EMBEDDED;
  }

  /** Whoever shows the queue asks for true positions and estimates, as long as it shows them. */
  watchQueue() {
    this.queueWatchers += 1;
    this.askQueue();
    return () => (this.queueWatchers -= 1);
  }

  /**
   * Hear of one more topic: `handler(event, data)`, with the event `snapshot` for whoever is the
   * first. Answers how to stop.
   */
  follow(topic, handler) {
    const all = this.followers.get(topic) ?? new Set();
    this.followers.set(topic, all.add(handler));
    if (all.size === 1) this.socket?.add(topic);
    return () => {
      all.delete(handler);
      if (all.size) return;
      this.followers.delete(topic);
      this.socket?.leave(topic);
    };
  }

  async poll() {
    // What was asked for before a stop is not for whoever comes next.
    const { socket } = this;
    try {
      const { jobs: latest } = await api.get('/api/jobs?limit=40');
      if (!socket || socket !== this.socket) return;
      this.isAway = false;
      const isStillDown = !this.isLive;
      if (isStillDown) await jobs.putSnapshot(latest);
      if (isStillDown && this.isLive === null) this.#become(false);
      await Promise.all([this.askQueue(), this.#askSystem(socket)]);
    } catch (error) {
      if (!socket || socket !== this.socket) return;
      this.isAway = !this.isLive && UNREACHED.test(error.code);
      this.#become(false);
      this.changed();
    }
  }

  async #askSystem(socket) {
    // Not ready is an answer as well, with a status of its own; one that only starts says less.
    const response = await fetch('/ready');
    const system = { ...NOT_KNOWN, ready: response.ok, ...(await response.json()) };
    if (socket === this.socket && !this.isLive) this.system = system;
    this.changed();
  }

  async askQueue() {
    const { socket } = this;
    try {
      const queue = await api.get('/api/queue?limit=200');
      if (socket !== this.socket) return;
      this.queue = queue;
      this.changed();
    } catch {
      // The next event or the next round asks again.
    }
  }

  #become(isLive) {
    if (isLive === this.isLive) return;
    this.isLive = isLive;
    this.changed();
  }

  #onState(isUp) {
    if (isUp) this.isAway = false;
    this.#become(isUp);
    if (!isUp) this.poll();
  }

  #onSnapshot(topic, data) {
    if (topic === 'jobs') jobs.putSnapshot(data.jobs);
    else if (this.followers.has(topic)) this.#tell(topic, 'snapshot', data);
    else this.#onEvent(topic, 'changed', data);
  }

  #onEvent(topic, event, data) {
    if (topic === 'jobs' && event === 'progress') jobs.progress(data.id, data.progress);
    else if (topic === 'jobs') jobs.put(data);
    else if (topic === 'queue') this.#onQueue(data);
    else if (topic === 'system') this.system = data;
    else this.#tell(topic, event, data);
    this.changed();
  }

  #tell(topic, event, data) {
    for (const handler of this.followers.get(topic) ?? []) handler(event, data);
  }

  #onQueue({ depth, paused }) {
    this.queue = { ...this.queue, depth, paused };
    if (!this.queueWatchers) return;
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.askQueue(), SETTLE_MS);
  }
}

export const feed = new Feed();
