import { api, newKey } from '../core/api.js';
import { Store, kept } from '../core/store.js';
import { jobs } from './jobs.js';
import { formValue, isDynamic, isEmpty, isFile, isSame, startOf, wireValue } from './values.js';

const FIRST = 'text-to-image';
const MOST_KEPT = 200_000;
export const MOST_COUNT = 100;

const empty = () => ({
  workflowId: FIRST,
  version: null,
  preset: null,
  values: {},
  /** What is varied: {input: {values, beside}}; see `order`. */
  varied: {},
  count: 1,
  /** Values for other workflows, for when somebody comes back to them. */
  others: {},
});

/** What a person is about to create: a workflow or a preset, and values for it. A reload keeps it. */
class Draft extends Store {
  constructor() {
    super();
    Object.assign(this, empty(), kept.get('create', {}));
    /** The workflow with its form, as it was when it was last here; and what is wrong with it. */
    this.workflow = kept.get('create.workflow', null);
    if (this.workflow?.id !== this.workflowId) this.workflow = null;
    this.problem = null;
  }

  /** Ask for the form again: options come and go with models and engines. */
  async load() {
    const asked = (this.asked = {});
    try {
      const found = await this.#fetch();
      if (asked !== this.asked) return;
      this.workflow = found;
      this.problem = null;
      const text = JSON.stringify(found);
      if (text.length < MOST_KEPT) kept.set('create.workflow', found);
      else kept.remove('create.workflow');
    } catch (error) {
      if (asked !== this.asked) return;
      this.problem = error;
      if (error.status === 404) this.workflow = null;
    }
    this.changed();
  }

  async #fetch() {
    const query = this.version ? `?version=${this.version}` : '';
    const found = await api.get(`/api/workflows/${encodeURIComponent(this.workflowId)}${query}`);
    // The graph is of no use to a form, and may be large.
    const { graph: _graph, manifest: _manifest, ...rest } = found;
    return rest;
  }

  get fields() {
    return this.workflow?.form ?? [];
  }

  field(id) {
    return this.fields.find((field) => field.id === id);
  }

  /** What stands in a field: what was chosen, else the preset's, else the workflow's. */
  value(field) {
    if (field.id in this.values) return this.values[field.id];
    return this.standard(field);
  }

  standard(field) {
    return formValue(field, this.preset?.values[field.id]) ?? startOf(field);
  }

  isChanged(field) {
    return field.id in this.values && !isSame(this.values[field.id], this.standard(field));
  }

  set(id, value) {
    this.values = { ...this.values, [id]: value };
    this.#keep();
  }

  reset(...ids) {
    const given = ids.length ? ids : Object.keys(this.values);
    this.values = Object.fromEntries(Object.entries(this.values).filter(([id]) => !given.includes(id)));
    this.#keep();
  }

  setCount(count) {
    this.count = Math.min(MOST_COUNT, Math.max(1, Math.round(count) || 1));
    this.#keep();
  }

  /** Vary a place by these values, or with none no longer. */
  vary(place, values, { beside = false, labels = null } = {}) {
    const { [place]: _, ...varied } = this.varied;
    this.varied = values?.length ? { ...varied, [place]: { values, beside, labels } } : varied;
    this.#keep();
  }

  /** How many jobs one press makes. */
  get size() {
    const all = Object.values(this.varied);
    const beside = all.filter((each) => each.beside).map(({ values }) => values.length);
    const crossed = all.filter((each) => !each.beside).reduce((size, { values }) => size * values.length, 1);
    return this.count * crossed * (beside.length ? Math.max(...beside) : 1);
  }

  /** Take up a workflow, with what was last said to it unless `values` are given. */
  async choose(workflowId, { version = null, preset = null, values = null } = {}) {
    const former = { ...this.others, [this.workflowId]: this.values };
    const isOther = workflowId !== this.workflowId || version !== this.version;
    this.others = former;
    Object.assign(this, { workflowId, version, preset, varied: {} });
    this.values = values ?? (preset ? {} : (former[workflowId] ?? {}));
    if (isOther) this.workflow = null;
    this.#keep();
    await this.load();
  }

  choosePreset(preset) {
    return this.choose(preset.workflow_id, { version: preset.workflow_version, preset });
  }

  /** A preset was saved, changed or removed elsewhere in the page. */
  presetChanged(preset, { isGone = false } = {}) {
    if (this.preset?.id !== preset.id) return;
    this.preset = isGone ? null : preset;
    if (isGone) this.values = { ...this.#formValues(preset.values), ...this.values };
    this.#keep();
  }

  /** What is saved now stands as the preset's own. */
  becomePreset(preset) {
    Object.assign(this, { preset, values: {} });
    this.#keep();
  }

  clear() {
    Object.assign(this, empty(), { workflow: null });
    kept.remove('create');
    kept.remove('create.workflow');
    this.changed();
  }

  #keep() {
    const { workflowId, version, preset, values, varied, count, others } = this;
    kept.set('create', { workflowId, version, preset, values, varied, count, others });
    this.changed();
  }

  #formValues(values) {
    const known = this.fields.filter(({ id }) => id in values);
    return Object.fromEntries(known.map((field) => [field.id, formValue(field, values[field.id])]));
  }

  /** Fields without which nothing can start; those that are varied have their values there. */
  get missing() {
    return this.fields.filter(
      (field) => field.required && field.type !== 'seed' && !this.varied[field.id] && isEmpty(this.value(field)),
    );
  }

  /** All values as Studio takes them. */
  get wire() {
    const given = this.fields.map((field) => [field.id, wireValue(field, this.value(field))]);
    return Object.fromEntries(given.filter(([, value]) => value !== null));
  }

  /** What to ask of Studio: {path, body}. */
  order(answers = {}) {
    const { preset, workflowId, version, count, varied } = this;
    const values = this.wire;
    const places = Object.entries(varied).map(([input, each]) => ({
      input,
      values: this.#variedValues(input, each.values),
      ...(each.labels && { labels: each.labels }),
      beside: each.beside,
    }));
    const bare = ({ beside: _, ...place }) => place;
    const lists = places.filter(({ beside }) => beside).map(bare);
    const axes = places.filter(({ beside }) => !beside).map(bare);
    const source = preset ? { preset_id: preset.id } : { workflow_id: workflowId };
    const given = preset ? this.#overrides(values, preset) : values;
    const more = preset ? {} : { ...(version && { version }) };
    if (places.length || (!preset && isDynamic(this.#texts))) {
      const body = { ...source, ...more, values: given, answers, lists, axes, count };
      return { path: '/api/batches', body };
    }
    if (preset) return { path: `/api/presets/${preset.id}/run`, body: { values: given, answers, count } };
    const path = `/api/workflows/${encodeURIComponent(workflowId)}/run`;
    return { path, body: { values, ...more, count } };
  }

  /** What the texts are that questions and choices may stand in, as they are in the form. */
  get #texts() {
    const fields = this.fields.filter(({ type }) => ['text', 'scenes'].includes(type));
    return [
      ...fields.filter(({ id }) => !this.varied[id]).map((field) => this.value(field)),
      ...fields.map(({ id }) => this.varied[id]?.values ?? []),
    ];
  }

  get texts() {
    return this.#texts;
  }

  #variedValues(place, values) {
    const field = this.field(place);
    return field ? values.map((value) => wireValue(field, value)) : values;
  }

  #overrides(values, preset) {
    const own = Object.entries(values).filter(([id, value]) => {
      const field = this.field(id);
      return !isSame(formValue(field, value), formValue(field, preset.values[id]) ?? startOf(field));
    });
    return Object.fromEntries(own);
  }

  /** Run it. Answers the batch's id when there is one to look at. */
  async submit(answers) {
    const { path, body } = this.order(answers);
    const isGrid = Object.keys(this.varied).length > 0;
    const answer = await send(path, body);
    for (const job of answer?.jobs ?? []) jobs.accept(job);
    for (const { job_id: id } of answer?.cells?.slice(0, 10) ?? []) if (!jobs.byId.has(id)) jobs.refresh(id);
    return isGrid ? (answer?.id ?? null) : null;
  }

  /** Take over what something was made with; see models/recall.js. */
  async recall(recipe, level) {
    const { workflow_id: id, version, values } = recipe;
    if (level === 'prompt' && this.#takeTexts(values)) return;
    await this.choose(id, { version, values: {} });
    // The newest version needs no number; a later one is then taken as well.
    if (this.workflow && this.workflow.version === this.workflow.head) this.version = null;
    const all = this.#formValues(values);
    if (level === 'prompt') this.values = pick(all, (field) => field?.type === 'text', this);
    else if (level === 'seedless') this.values = withoutSeeds(all, this);
    else this.values = all;
    this.#keep();
  }

  #takeTexts(values) {
    const texts = this.fields.filter(({ id, type }) => type === 'text' && typeof values[id] === 'string');
    if (!texts.length) return false;
    for (const { id } of texts) this.set(id, values[id]);
    return true;
  }

  /** Take over what a picture without a recipe was made with: of the shipped text-to-image graph. */
  use({ width, height, count, seed, ...others }) {
    const values = { ...others, size: { width, height }, images: count, seed: String(seed ?? '') };
    return this.choose(FIRST, { values });
  }

  /** Put a file into the first field that takes its kind. Answers whether there is one. */
  putFile(file) {
    const fits = (field) => isFile(field) && (field.type === file.kind || field.type === 'file');
    const fields = this.fields.filter(fits);
    const field = fields.find((each) => isEmpty(this.value(each))) ?? fields[0];
    if (!field) return false;
    this.set(field.id, field.multiple ? [...this.value(field), file] : file);
    return true;
  }
}

function pick(values, isWanted, draft) {
  return Object.fromEntries(Object.entries(values).filter(([id]) => isWanted(draft.field(id))));
}

function withoutSeeds(values, draft) {
  const others = pick(values, (field) => field.type !== 'seed', draft);
  for (const { id, type } of draft.fields) {
    if (type === 'scenes' && others[id]) others[id] = others[id].map((scene) => ({ ...scene, seed: '' }));
  }
  return others;
}

/** Submit once; a lost answer is asked for again without making anything twice. */
export async function send(path, body) {
  const headers = { 'idempotency-key': newKey() };
  try {
    return await api.post(path, body, { headers });
  } catch (error) {
    if (error.code !== 'offline') throw error;
    try {
      return await api.post(path, body, { headers });
    } catch (again) {
      // It had arrived the first time: the feed will show it.
      if (again.code !== 'idempotency_key_reuse') throw again;
      return null;
    }
  }
}

/** Submit a wish for a picture from words. */
export async function create(wish) {
  const job = await send('/api/create', wish);
  if (job) jobs.accept(job);
}

export const draft = new Draft();
