import { t } from '../core/messages.js';

/* What can be said about one job, without any state. */

const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired']);
const SHOWN = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']);

export const hasEnded = (job) => ENDED.has(job.status);
export const isWaiting = (job) => job.status === 'queued';
export const isRunning = (job) => !hasEnded(job) && !isWaiting(job);

/** How an output can be shown: image, video, audio, or file. */
export function kindOf(output) {
  if (SHOWN.has(output.content_type)) return 'image';
  if (output.content_type.startsWith('video/')) return 'video';
  if (output.content_type.startsWith('audio/')) return 'audio';
  return 'file';
}

/** The bytes of an output, for somebody who is logged in. */
export const contentUrl = (output) => `/api/v2/assets/${output.id}/content`;
export const thumbnailUrl = (output) => `/api/assets/${output.id}/thumbnail`;
export const posterUrl = (output) => `/api/assets/${output.id}/poster`;

/** What to look at: results, or where a job has none, what it only previewed. */
export function picturesOf(job) {
  return job.outputs.filter((output) => kindOf(output) !== 'file' || output.type !== 'latent');
}

export const titleOf = (job) => job.title || job.workflow_id || t('job.untitled');

export const percentOf = (job) => Math.round((job.progress?.value ?? 0) * 100);

/** Newest first. */
export const byAge = (a, b) => b.created_at.localeCompare(a.created_at);
