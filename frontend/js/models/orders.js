import { api, newKey } from '../core/api.js';
import { draft } from './draft.js';
import { jobs } from './jobs.js';
import { formValue, isDynamic, isSame, startOf } from './values.js';
import { wireValue } from './wire.js';

/* What the form asks of Studio. */

/** A batch's first cells are asked for at once; the feed tells of the others. */
const AT_ONCE = 10;
const TITLE_LENGTH = 100;

/** All values of the form as Studio takes them. */
export function wire() {
  const given = draft.fields.map((field) => [field.id, wireValue(field, draft.value(field))]);
  return Object.fromEntries(given.filter(([, value]) => value !== null));
}

/** What to ask of Studio: {path, body}. */
export function order(answers = {}) {
  const { preset, workflowId, version, count } = draft;
  const { lists, axes } = places();
  const isGrid = lists.length + axes.length > 0;
  const source = preset ? { preset_id: preset.id } : { workflow_id: workflowId };
  const values = preset ? overrides(preset) : wire();
  const more = preset || !version ? {} : { version };
  // Choices and questions in texts are a matter of presets and batches.
  if (isGrid || (!preset && isDynamic(draft.texts))) {
    return { path: '/api/batches', body: { ...source, ...more, values, answers, lists, axes, count, title: titleOf() } };
  }
  if (preset) return { path: `/api/presets/${preset.id}/run`, body: { values, answers, count } };
  return { path: `/api/workflows/${encodeURIComponent(workflowId)}/run`, body: { values, ...more, count } };
}

/**
 * A grid is called by its first text, where that is the same for all of it; so are its jobs. That of
 * a preset is called by the preset, as long as it is that.
 */
function titleOf() {
  const first = draft.fields.find(({ type }) => type === 'text');
  const text = (draft.preset && !draft.isEdited) || !first || draft.varied[first.id] ? '' : draft.value(first);
  return isDynamic(text) ? '' : text.trim().slice(0, TITLE_LENGTH);
}

/** What is varied: crossed with each other, or as lists side by side. */
function places() {
  const found = { lists: [], axes: [] };
  for (const [input, { values, labels, beside }] of Object.entries(draft.varied)) {
    const field = draft.field(input);
    const place = { input, values: field ? values.map((value) => wireValue(field, value)) : values };
    found[beside ? 'lists' : 'axes'].push(labels ? { ...place, labels } : place);
  }
  return found;
}

/** What is not as the preset has it, or is varied in parts. */
function overrides(preset) {
  const varied = Object.keys(draft.varied);
  const own = Object.entries(wire()).filter(([id, value]) => {
    const field = draft.field(id);
    if (varied.some((place) => place.startsWith(`${id}[`))) return true;
    return !isSame(formValue(field, value), formValue(field, preset.values[id]) ?? startOf(field));
  });
  return Object.fromEntries(own);
}

/** Run the form. Answers the id of the grid when there is one to look at. */
export async function submit(answers) {
  const { path, body } = order(answers);
  const isGrid = Object.keys(draft.varied).length > 0;
  const answer = await send(path, body);
  if (answer?.jobs) jobs.accept(...answer.jobs);
  if (answer?.cells) acceptCells(answer.cells.map(({ job_id: id }) => id));
  return isGrid ? (answer?.id ?? null) : null;
}

async function acceptCells(ids) {
  jobs.askedFor(...ids);
  // One after the other, so that they stand in their order.
  for (const id of ids.slice(0, AT_ONCE)) if (!jobs.byId.has(id)) await jobs.refresh(id);
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
