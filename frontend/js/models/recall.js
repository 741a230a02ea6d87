import { api } from '../core/api.js';
import { router } from '../core/router.js';
import { forgetBrought } from './brought.js';
import { draft } from './draft.js';
import { settingsOf } from './graph.js';
import { isEmpty, isFile } from './values.js';

const FROM_WORDS = 'text-to-image';
const FROM_PICTURE = 'image-to-image';

/**
 * Put what something was made with onto the form, and show the form.
 *
 * @param recipe {workflow_id, version, values, ...} as `GET /api/jobs/{id}` and
 *   `GET /api/library/{id}` have it
 * @param level `all`, `seedless` (all but the seeds) or `prompt` (texts alone, onto the present
 *   workflow if it takes them)
 */
export async function recall({ workflow_id: id, version, values }, level = 'all') {
  showForm();
  if (level === 'prompt' && takeTexts(values)) return;
  await draft.choose(id, { version, values: {} });
  const { workflow } = draft;
  // The newest version needs no number; a later one is then taken as well.
  const isNewest = workflow && workflow.version === workflow.head;
  const all = draft.formValues(values);
  const wanted = { all: () => all, seedless: () => withoutSeeds(all), prompt: () => textsOf(all) }[level]();
  draft.assign({ values: wanted, ...(isNewest && { version: null }) });
}

/** The same by a job's id, also for Studio's own graphs that have no recipe; answers whether. */
export async function recallJob(id, level = 'all') {
  const { recipe } = await api.get(`/api/jobs/${id}`);
  if (recipe) {
    await recall(recipe, level);
    return true;
  }
  const { workflow } = await api.get(`/api/v2/jobs/${id}/workflow`);
  const settings = settingsOf(workflow);
  if (settings) await recallSettings(settings, level);
  return Boolean(settings);
}

/** The same with what `settingsOf` finds in the graph of a picture from words. */
export function recallSettings({ width, height, count, seed, ...others }, level = 'all') {
  const values = { ...others, size: { width, height }, images: count, seed: seed ?? -1 };
  return recall({ workflow_id: FROM_WORDS, version: null, values }, level);
}

/**
 * Use a file as an input: of the present workflow if it takes one of its kind, else of the one that
 * is made for pictures. Answers whether there was a place for it.
 *
 * @param file {asset, name, kind}: kind is image, video, audio or file
 */
export async function useAsInput(file) {
  showForm();
  if (putFile(file)) return true;
  if (file.kind !== 'image') return false;
  await draft.choose(FROM_PICTURE);
  return putFile(file);
}

function putFile(file) {
  const fits = (field) => isFile(field) && (field.type === file.kind || field.type === 'file');
  const fields = draft.fields.filter(fits);
  const field = fields.find((each) => isEmpty(draft.value(each))) ?? fields[0];
  if (!field) return false;
  draft.set(field.id, field.multiple ? [...draft.value(field), file] : file);
  return true;
}

const isText = (id) => draft.field(id)?.type === 'text';
const pick = (values, isWanted) => Object.fromEntries(Object.entries(values).filter(([id]) => isWanted(id)));
const textsOf = (values) => pick(values, isText);

/** Texts onto the present workflow; answers whether it has a place for any of them. */
function takeTexts(values) {
  const texts = pick(values, (id) => isText(id) && typeof values[id] === 'string');
  for (const [id, text] of Object.entries(texts)) draft.set(id, text);
  return Object.keys(texts).length > 0;
}

function withoutSeeds(values) {
  const others = pick(values, (id) => draft.field(id).type !== 'seed');
  for (const { id, type } of draft.fields) {
    if (type === 'scenes' && others[id]) others[id] = others[id].map((scene) => ({ ...scene, seed: '' }));
  }
  return others;
}

function showForm() {
  forgetBrought();
  if (router.view !== 'create') location.hash = '#/create';
}
