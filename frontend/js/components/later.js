import { api } from '../core/api.js';
import { draft } from '../models/draft.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { loadPart, PARTS } from '../parts.js';

/* What the form offers beyond its fields; all of it comes after the first look. */

/** The module with everything that is made of the form. */
export async function making() {
  await loadPart(PARTS.making);
  return import('./making.js');
}

const attempt = (run) => notices.attempt(async () => run(await making()));

export const openChooser = () => attempt((more) => more.openChooser());
export const openPrompts = (field) => attempt((more) => more.openPrompts(field));
export const openVary = (field) => attempt((more) => more.openVary(field));
export const openSave = (preset) => attempt((more) => more.openSave(preset));
export const openCode = (preset) => attempt((more) => more.openCode(preset));

/** Ask what the texts of the form ask; answers null when somebody would rather not. */
export const ask = async () => (await making()).ask();

/** Roll a seed and keep it. */
export function dice(field, range) {
  const most = Math.min(range, Number(field.max ?? range));
  draft.set(field.id, String(Math.floor(Math.random() * most)));
}

/** Keep the seed of what was made last, or have another one each time. */
export async function toggleLock(field, isLocked) {
  if (isLocked) draft.set(field.id, '');
  else if (!(await takeLast(field))) dice(field, 2 ** 32);
}

async function takeLast(field) {
  const own = jobs.all.find((job) => job.user_id === session.user?.id && job.workflow_id === draft.workflowId);
  if (!own) return false;
  try {
    const { recipe } = await api.get(`/api/jobs/${own.id}`);
    const seed = recipe?.values[field.id];
    if (seed === undefined) return false;
    draft.set(field.id, JSON.stringify(seed));
    return true;
  } catch {
    return false;
  }
}
