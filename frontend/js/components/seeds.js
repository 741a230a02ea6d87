import { api } from '../core/api.js';
import { draft } from '../models/draft.js';
import { jobs } from '../models/jobs.js';
import { session } from '../models/session.js';

const RANGE = 2 ** 32;

/** Roll a seed and keep it. */
export function dice(field) {
  const most = Math.min(RANGE, field.max ?? RANGE);
  draft.set(field.id, String(Math.floor(Math.random() * most)));
}

/** Keep the seed of what was made last, or have another one each time. */
export async function toggleLock(field, isLocked) {
  if (isLocked) draft.set(field.id, '');
  else if (!(await takeLast(field))) dice(field);
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
