import { api } from '../core/api.js';
import { numberText } from '../core/json.js';
import { language } from '../core/messages.js';
import { Store, kept } from '../core/store.js';
import { formValue, isEmpty, isSame, startOf } from './values.js';

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
    /** Defaults of the person's own, by input. */
    this.preferred = { count: 1 };
  }

  /** Ask for the form again: options come and go with models and engines. */
  load() {
    this.loading = this.#load();
    return this.loading;
  }

  async #load() {
    const asked = (this.asked = {});
    try {
      const found = await this.#fetch();
      // Somebody asked again meanwhile; whoever waits for a form waits for that one.
      if (asked !== this.asked) return this.loading;
      this.workflow = found;
      this.problem = null;
      this.#dropLost();
      const text = JSON.stringify(found);
      if (text.length < MOST_KEPT) kept.set('create.workflow', found);
      else kept.remove('create.workflow');
    } catch (error) {
      if (asked !== this.asked) return this.loading;
      this.problem = error;
      if (error.status === 404) this.workflow = null;
    }
    this.changed();
  }

  async #fetch() {
    const query = this.version ? `?version=${this.version}` : '';
    const found = await api.get(`/api/workflows/${encodeURIComponent(this.workflowId)}${query}`);
    // The graph is of no use to a form, and may be large.
    const { graph: _graph, manifest: _manifest, form, ...rest } = found;
    const taken = { ...rest, form: form.map(withLimits) };
    return language === 'en' ? taken : (await import('../core/shipped.js')).translated(taken);
  }

  get fields() {
    return this.workflow?.form ?? [];
  }

  /** Whether models or nodes are missing, so that nothing could come of it. */
  get lacks() {
    return this.workflow?.readiness.state === 'missing';
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
    if (this.preset) return formValue(field, this.preset.values[field.id]) ?? startOf(field);
    const preferred = this.preferred[field.id];
    return takes(field, preferred) ? preferred : startOf(field);
  }

  /** Begin with what a person prefers, where a workflow takes it and nothing else was chosen. */
  prefer({ width, height, count = 1, ...others }) {
    const size = width && height ? { width, height } : undefined;
    if (this.count === this.preferred.count) this.count = count;
    this.preferred = { ...others, size, count };
    this.changed();
  }

  isChanged(field) {
    return field.id in this.values && !isSame(this.values[field.id], this.standard(field));
  }

  /** Whether the form is no longer what its preset is. */
  get isEdited() {
    return Boolean(this.preset) && this.fields.some((field) => this.isChanged(field));
  }

  set(id, value) {
    this.values = { ...this.values, [id]: value };
    this.#keep();
  }

  reset(id) {
    const { [id]: _, ...values } = this.values;
    this.values = values;
    this.#keep();
  }

  /** Nothing is changed, nothing varied. */
  resetAll() {
    Object.assign(this, { values: {}, varied: {}, count: this.preferred.count });
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
    if (isGone) this.values = { ...this.formValues(preset.values), ...this.values };
    this.#keep();
  }

  /** What is saved now stands as the preset's own. */
  becomePreset(preset) {
    Object.assign(this, { preset, values: {} });
    this.#keep();
  }

  clear() {
    Object.assign(this, empty(), { workflow: null, count: this.preferred.count });
    kept.remove('create');
    kept.remove('create.workflow');
    this.changed();
  }

  /** Values of Studio's as the form holds them, of the inputs that there are. */
  formValues(values) {
    const known = this.fields.filter(({ id }) => id in values);
    return Object.fromEntries(known.map((field) => [field.id, formValue(field, values[field.id])]));
  }

  /** What is varied must be there: not so the strength of a LoRA that was removed. */
  #dropLost() {
    if (!this.workflow) return;
    this.varied = Object.fromEntries(Object.entries(this.varied).filter(([place]) => this.#isThere(place)));
  }

  #isThere(place) {
    if (place.startsWith('[[')) return true;
    const [id, ...steps] = place.split(/[.[\]]+/);
    const field = this.field(id);
    if (!field || !steps.length) return Boolean(field);
    return steps.slice(0, -1).reduce((part, step) => part?.[step], this.value(field)) !== undefined;
  }

  #keep() {
    this.#dropLost();
    const { workflowId, version, preset, values, varied, count, others } = this;
    kept.set('create', { workflowId, version, preset, values, varied, count, others });
    this.changed();
  }

  /** Fields without which nothing can start; those that are varied have their values there. */
  get missing() {
    return this.fields.filter(
      (field) => field.required && field.type !== 'seed' && !this.varied[field.id] && isEmpty(this.value(field)),
    );
  }

  /** What the texts are that questions and choices may stand in, as they are in the form. */
  get texts() {
    const fields = this.fields.filter(({ type }) => ['text', 'scenes'].includes(type));
    return fields.flatMap((field) => this.varied[field.id]?.values ?? [this.value(field)]);
  }

  /** Take other values, as when something is recalled. */
  assign(changes) {
    Object.assign(this, changes);
    this.#keep();
  }
}

/** Limits as plain numbers: those of seeds may be larger than these are exact, and serve all the same. */
function withLimits({ min, max, ...field }) {
  const limits = Object.entries({ min, max }).filter(([, limit]) => limit !== undefined);
  return { ...field, ...Object.fromEntries(limits.map(([name, limit]) => [name, Number(numberText(limit))])) };
}

/** Whether a field may hold what a person prefers for those of its name. */
function takes({ type, options, min = -Infinity, max = Infinity }, value) {
  const fits = (number) => number >= min && number <= max;
  if (!value) return false;
  if (type === 'resolution') return fits(value.width) && fits(value.height);
  if (typeof value === 'number') return ['int', 'float'].includes(type) && fits(value);
  return type === 'text' || Boolean(options?.some((option) => option.value === value));
}

export const draft = new Draft();
