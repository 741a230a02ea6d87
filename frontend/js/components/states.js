import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';

/* What several views say about Studio as it is now. */

/** That nothing new starts, and who can change that. */
export function pausedBanner() {
  if (!feed.queue.paused) return nothing;
  return html`
    <p class="banner" role="status">
      ${icon('pause')}
      <span>${t('shell.paused')} ${session.can('admin') ? nothing : t('shell.pausedByOwner')}</span>
      ${session.can('admin') ? pauseButton() : nothing}
    </p>
  `;
}

/** Pause, or go on; the owner's alone. */
export function pauseButton() {
  const { paused } = feed.queue;
  return html`
    <button title=${paused ? nothing : t('shell.pauseHelp')} @click=${() => notices.attempt(() => setPaused(!paused))}>
      ${icon(paused ? 'play' : 'pause')}${paused ? t('shell.resume') : t('shell.pause')}
    </button>
  `;
}

export async function setPaused(paused) {
  await api.post(paused ? '/api/queue/pause' : '/api/queue/resume');
  await feed.askQueue();
}

/** That pictures are the embedded engine's, and where it says how to get a model's. */
export const placeholderNote = (text) =>
  html`<span>${text} <a class="link" href="#/help">${t('shell.placeholder.more')}</a></span>`;
