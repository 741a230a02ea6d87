import { api, newKey } from '../core/api.js';
import { Store, kept } from '../core/store.js';
import { jobs } from './jobs.js';

const EMPTY = {
  prompt: '',
  negative: '',
  checkpoint: '',
  shape: 'square',
  width: 512,
  height: 512,
  steps: '',
  cfg: '',
  seed: '',
  count: 1,
};

/* Width and height for a model's native side, in the steps that models like. */
const SHAPES = {
  square: (side) => [side, side],
  portrait: (side) => (side >= 1024 ? [832, 1216] : [512, 768]),
  landscape: (side) => (side >= 1024 ? [1216, 832] : [768, 512]),
};

/** What a person is about to create; it outlives a reload. */
class Draft extends Store {
  constructor() {
    super();
    this.values = { ...EMPTY, ...kept.get('draft', {}) };
    /** What an empty form holds: a person may prefer other values than Studio. */
    this.standard = EMPTY;
    this.offer = null;
    this.problem = null;
  }

  async load() {
    try {
      this.offer = await api.get('/api/create');
      this.problem = null;
    } catch (error) {
      this.problem = error;
    }
    this.changed();
  }

  set(values) {
    this.values = { ...this.values, ...values };
    kept.set('draft', this.values);
    this.changed();
  }

  /** Begin with what a person prefers, where nothing else was chosen yet. */
  prefer(preferred) {
    const standard = { ...EMPTY, ...preferred };
    const isDue = (name) =>
      this.values[name] === this.standard[name] && this.values[name] !== standard[name];
    const fresh = Object.keys(standard).filter(isDue).map((name) => [name, standard[name]]);
    this.standard = standard;
    if (fresh.length) this.set(Object.fromEntries(fresh));
  }

  clear() {
    this.values = { ...this.standard };
    kept.remove('draft');
    this.changed();
  }

  get checkpoint() {
    const names = this.offer?.checkpoints ?? [];
    return names.includes(this.values.checkpoint) ? this.values.checkpoint : (names[0] ?? '');
  }

  /** Whether a text is longer than Studio takes. */
  get isTooLong() {
    const limit = this.offer?.limits.prompt ?? Infinity;
    return [this.values.prompt, this.values.negative].some((value) => lengthOf(value) > limit);
  }

  get size() {
    const { shape, width, height } = this.values;
    if (shape === 'custom') return [Number(width), Number(height)];
    return SHAPES[shape](this.offer?.sides[this.checkpoint] ?? EMPTY.width);
  }

  async submit() {
    const { prompt, negative, steps, cfg, seed, count } = this.values;
    const [width, height] = this.size;
    const wish = { prompt, negative, checkpoint: this.checkpoint, width, height, count };
    if (steps !== '') wish.steps = Number(steps);
    if (cfg !== '') wish.cfg = Number(cfg);
    if (seed !== '') wish.seed = Number(seed);
    await create(wish);
  }

  /** Take over what a picture was made with. */
  use(settings) {
    const [width, height] = [settings.width, settings.height];
    const side = this.offer?.sides[settings.checkpoint] ?? EMPTY.width;
    const shape = Object.keys(SHAPES).find((name) => {
      const [w, h] = SHAPES[name](side);
      return w === width && h === height;
    });
    this.set({ ...settings, shape: shape ?? 'custom' });
  }
}

/** The length of a text as Studio counts it: in signs, of which some take two of JavaScript's. */
export function lengthOf(value) {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}

/** Submit one wish; a lost answer is asked for again without making two jobs. */
export async function create(wish) {
  const headers = { 'idempotency-key': newKey() };
  try {
    jobs.accept(await api.post('/api/create', wish, { headers }));
  } catch (error) {
    if (error.code !== 'offline') throw error;
    try {
      jobs.accept(await api.post('/api/create', wish, { headers }));
    } catch (again) {
      // It had arrived the first time: the feed will show it.
      if (again.code !== 'idempotency_key_reuse') throw again;
    }
  }
}

export const draft = new Draft();
