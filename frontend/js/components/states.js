import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { words } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';

/* What several views say about Studio as it is now. */

/** That nothing new starts, and who can change that. */
export function pausedBanner() {
  if (!feed.queue.paused) return nothing;
  const text = words.queue;
  return html`
    <p class="banner" role="status">
      ${icon('pause')}
      <span>${text.paused} ${session.can('admin') ? nothing : text.pausedByOwner}</span>
      ${session.can('admin') ? pauseButton() : nothing}
    </p>
  `;
}

/** Pause, or go on; the owner's alone. */
export function pauseButton() {
  const { paused } = feed.queue;
  const text = words.queue;
  return html`
    <button title=${paused ? nothing : text.pauseHelp} @click=${() => notices.attempt(() => setPaused(!paused))}>
      ${icon(paused ? 'play' : 'pause')}${paused ? text.resume : text.pause}
    </button>
  `;
}

async function setPaused(paused) {
  await api.post(paused ? '/api/queue/pause' : '/api/queue/resume');
  await feed.askQueue();
}

/** That pictures are the embedded engine's, and where it says how to get a model's. */
export const placeholderNote = (text) =>
  html`<span>${text} <a class="link" href="#/help">${words.placeholder.more}</a></span>`;
