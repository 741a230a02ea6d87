import { Element, html, nothing, repeat } from '../core/element.js';
import { api } from '../core/api.js';
import { spanText } from '../core/format.js';
import { explain, t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { hasEnded, isRunning, percentOf, titleOf } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from '../components/icons.js';
import { pauseButton, pausedBanner } from '../components/states.js';
import { itemsOf, positionText, statusText } from '../components/tiles.js';
import { viewer } from '../models/viewer.js';

const ENDED_SHOWN = 12;
const SURE_MS = 4000;

/** What runs, what waits and where, and what ended just now. */
class QueueView extends Element {
  static properties = { isSure: { state: true } };

  constructor() {
    super();
    this.watch(jobs, feed);
  }

  connectedCallback() {
    super.connectedCallback();
    this.unwatch = feed.watchQueue();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.unwatch();
    clearTimeout(this.unsure);
  }

  render() {
    const { depth } = feed.queue;
    const waiting = feed.queue.jobs.filter((job) => isStillWaiting(job));
    const running = jobs.all.filter(isRunning);
    const ended = jobs.all.filter(hasEnded).sort(byEnd).slice(0, ENDED_SHOWN);
    const hasMine = [...waiting, ...running].some((job) => job.user_id === session.user?.id);
    return html`
      <div class="view">
        <header class="view-head">
          <h1>${t('queue.title')}</h1>
          ${hasMine
            ? html`<button @click=${() => this.#cancelMine()}>
                ${icon('close')}${this.isSure ? t('queue.cancelMineSure') : t('queue.cancelMine')}
              </button>`
            : nothing}
          ${session.can('admin') && !feed.queue.paused ? pauseButton() : nothing}
        </header>
        ${pausedBanner()}
        ${section(t('queue.running'), running, runningRow)} ${section(t('queue.waiting'), waiting, waitingRow)}
        ${depth > waiting.length && waiting.length
          ? html`<p class="hint">${t('queue.more', { count: depth - waiting.length })}</p>`
          : nothing}
        ${running.length || waiting.length
          ? nothing
          : html`<div class="empty">
              ${icon('queue')}
              <p>${t('queue.empty')}</p>
              <a class="button" href="#/create">${t('shell.toCreate')}</a>
            </div>`}
        ${section(t('queue.ended'), ended, endedRow)}
      </div>
    `;
  }

  async #cancelMine() {
    if (!this.isSure) {
      this.isSure = true;
      this.unsure = setTimeout(() => (this.isSure = false), SURE_MS);
      return;
    }
    this.isSure = false;
    await notices.attempt(async () => {
      const ids = jobs.all
        .filter((job) => !hasEnded(job) && job.user_id === session.user.id)
        .map((job) => job.id);
      const { canceled } = await api.post('/api/queue/clear');
      const running = ids.filter((id) => isRunning(jobs.byId.get(id)));
      await Promise.all(running.map((id) => jobs.cancel(id)));
      notices.say(t('queue.canceledMany', { count: canceled + running.length }));
      feed.askQueue();
    });
  }
}

/** The list of the line may be a moment older than what is known of its jobs. */
function isStillWaiting(job) {
  const known = jobs.byId.get(job.id);
  return !known || (!hasEnded(known) && !isRunning(known));
}

const byEnd = (a, b) => (b.completed_at ?? '').localeCompare(a.completed_at ?? '');

function section(title, list, row) {
  if (!list.length) return nothing;
  return html`
    <section>
      <h2>${title}</h2>
      <ul class="rows">
        ${repeat(
          list,
          (job) => job.id,
          (job) => html`<li class="row">${row(job)}</li>`,
        )}
      </ul>
    </section>
  `;
}

function cancelButton(job) {
  return html`
    <button
      class="round"
      aria-label=${t('job.cancel', { title: titleOf(job) })}
      title=${t('shell.cancel')}
      ?disabled=${Boolean(job.cancel_requested_at)}
      @click=${() => notices.attempt(() => cancel(job))}
    >
      ${icon('close')}
    </button>
  `;
}

async function cancel(job) {
  await jobs.cancel(job.id);
  await feed.askQueue();
}

function runningRow(job) {
  const preview = jobs.previews.get(job.id);
  return html`
    ${preview ? html`<img class="row-face" src=${preview} alt="" />` : html`<span class="row-face shimmer is-moving"></span>`}
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">${statusText(job)}</span>
      <progress max="100" .value=${percentOf(job)} aria-label=${titleOf(job)}></progress>
    </div>
    ${cancelButton(job)}
  `;
}

function waitingRow(job) {
  return html`
    <span class="row-face place">${job.queue_position}</span>
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">${[positionText(job.queue_position), startText(job)].filter(Boolean).join(', ')}</span>
    </div>
    ${cancelButton(job)}
  `;
}

function startText({ starts_in_ms: ms }) {
  if (ms === null || ms === undefined) return '';
  return ms < 1000 ? t('job.startsSoon') : t('job.starts', { time: spanText(ms) });
}

function endedRow(job) {
  const items = itemsOf([job]);
  const why = job.error ? explain(job.error) : '';
  return html`
    <span class="row-face is-${job.status}"></span>
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">
        ${t(`job.${job.status}`)}${why ? html` – ${why} <code>${job.error.code}</code>` : nothing}
      </span>
    </div>
    ${items.length
      ? html`<button
          aria-label=${t('job.open', { title: titleOf(job) })}
          @click=${() => viewer.open(items, items[0].output.id)}
        >
          ${icon('library')}
        </button>`
      : nothing}
  `;
}

customElements.define('queue-view', QueueView);
