import { api } from '../core/api.js';
import { router } from '../core/router.js';
import { draft } from './draft.js';
import { settingsOf } from './graph.js';

/**
 * Put what something was made with onto the form, and show the form.
 *
 * @param recipe {workflow_id, version, values, ...} as `GET /api/jobs/{id}` and
 *   `GET /api/library/{id}` have it
 * @param level `all`, `seedless` (all but the seeds) or `prompt` (texts alone, onto the present
 *   workflow if it takes them)
 */
export async function recall(recipe, level = 'all') {
  showForm();
  await draft.recall(recipe, level);
}

/** The same by a job's id, also for graphs of Studio's own that have no recipe. */
export async function recallJob(id, level = 'all') {
  const { recipe } = await api.get(`/api/jobs/${id}`);
  if (recipe) {
    await recall(recipe, level);
    return true;
  }
  const { workflow } = await api.get(`/api/v2/jobs/${id}/workflow`);
  const settings = settingsOf(workflow);
  if (!settings) return false;
  showForm();
  if (level === 'prompt') draft.set('prompt', settings.prompt);
  else await draft.use(level === 'seedless' ? { ...settings, seed: '' } : settings);
  return true;
}

/**
 * Use a file as an input: of the present workflow if it takes one of its kind, else of the one that
 * is made for pictures.
 *
 * @param file {asset, name, kind}: kind is image, video, audio or file
 */
export async function useAsInput(file) {
  showForm();
  if (draft.putFile(file)) return;
  await draft.choose(file.kind === 'image' ? 'image-to-image' : draft.workflowId);
  draft.putFile(file);
}

function showForm() {
  if (router.view !== 'create') location.hash = '#/create';
}
