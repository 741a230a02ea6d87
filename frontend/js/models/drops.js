import { Store } from '../core/store.js';
import { router } from '../core/router.js';
import { session } from './session.js';

/* Where a file goes when the view that is shown has no use for one of its kind. */
const HOMES = { graph: 'workflows', image: 'create', media: 'create', file: 'create' };

/**
 * Files that are dropped anywhere. Each is one kind: `graph` (a workflow, or a picture or film that
 * carries one), `image`, `media` (video, sound) or `file`. A view says what it takes with `take`,
 * the latest one first; what nobody takes opens the view that is made for it.
 */
class Drops extends Store {
  constructor() {
    super();
    /** How many elements a dragged file is over at once; 0 when none is dragged. */
    this.depth = 0;
    this.takers = [];
    this.waiting = null;
    addEventListener('dragenter', (event) => this.#drag(event, 1));
    addEventListener('dragleave', (event) => this.#drag(event, -1));
    addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
    addEventListener('drop', (event) => this.#drop(event));
  }

  /**
   * Take files of these kinds: `handler(file, kind)`. Answers how to stop.
   *
   * A view that takes pictures as they are, and has no use for what they carry, names `image` and
   * `graph`.
   */
  take(kinds, handler) {
    const taker = { kinds, handler };
    this.takers.unshift(taker);
    // A view and a part of it may come in one go: what waits is for the latest.
    queueMicrotask(() => this.#hand());
    return () => (this.takers = this.takers.filter((each) => each !== taker));
  }

  #hand() {
    const { waiting } = this;
    const taker = waiting && this.#takerOf(waiting.kind);
    if (!taker) return;
    this.waiting = null;
    taker.handler(waiting.file, waiting.kind);
  }

  #takerOf(kind) {
    return this.takers.find(({ kinds }) => kinds.includes(kind));
  }

  /** Bring a file, as if it had been dropped. */
  async bring(file) {
    const { kindOf } = await import('./sniff.js');
    const kind = await kindOf(file);
    const taker = this.#takerOf(kind);
    if (taker) taker.handler(file, kind);
    else {
      this.waiting = { file, kind };
      // Create takes all of them, when it is whole; whoever may not bring workflows is told so there.
      const isCreate = ['', 'create'].includes(router.view);
      router.go(isCreate || !session.can('graphs:run') ? 'create' : HOMES[kind]);
    }
  }

  #drag(event, by) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.depth = Math.max(0, this.depth + by);
    this.changed();
  }

  #drop(event) {
    if (!hasFiles(event)) return;
    const isTaken = event.defaultPrevented;
    event.preventDefault();
    this.depth = 0;
    this.changed();
    const [file] = event.dataTransfer.files;
    if (file && !isTaken) this.bring(file);
  }
}

const hasFiles = (event) => event.dataTransfer?.types.includes('Files');

export const drops = new Drops();
