import { Element, html, nothing, repeat } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { endedRow, nextRow, runningRow, waitingRow } from '../components/queue_rows.js';
import { icon } from '../components/icons.js';
import { pauseButton, pausedBanner } from '../components/states.js';
import { feed } from '../models/feed.js';
import { titleOf } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { line } from '../models/line.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';

const SURE_MS = 4000;
const FAILED = ['failed', 'expired'];

/** What runs, what waits and where, and what ended today. */
class QueueView extends Element {
  static properties = { isSure: { state: true }, chosen: { state: true }, held: { state: true } };

  constructor() {
    super();
    this.chosen = new Set();
    /** The job that is dragged, and the place it is over. */
    this.held = null;
    this.said = '';
    this.watch(jobs, line);
  }

  connectedCallback() {
    super.connectedCallback();
    this.unwatch = feed.watchQueue();
    line.load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.unwatch();
    this.listening?.abort();
    clearTimeout(this.unsure);
  }

  /** The line as it is shown: what is dragged stands where it would be put. */
  get waiting() {
    const { waiting } = line;
    if (!this.held) return waiting;
    const rest = waiting.filter(({ id }) => id !== this.held.id);
    const job = waiting.find(({ id }) => id === this.held.id);
    return job ? rest.toSpliced(this.held.to, 0, job) : waiting;
  }

  render() {
    const { depth } = feed.queue;
    const { waiting } = this;
    const { next, running, today } = line;
    const failed = today.filter(({ status }) => FAILED.includes(status));
    const done = today.filter(({ status }) => !FAILED.includes(status));
    const more = depth - next.length - waiting.length - running.length;
    const hasMine = [...next, ...waiting, ...running].some((job) => job.user_id === session.user?.id);
    return html`
      <div class="view queue">
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
        <p class="unseen" role="status" aria-live="polite">${this.said}</p>
        ${section('running', running, (job) => html`<li class="row now">${runningRow(job)}</li>`)}
        ${this.#line(next, waiting, more)}
        ${running.length || next.length || waiting.length
          ? nothing
          : html`<div class="empty">
              ${icon('queue')}
              <p>${t('queue.empty')}</p>
              <a class="button" href="#/create">${t('shell.toCreate')}</a>
            </div>`}
        ${section('failed', failed, (job) => html`<li class="row">${endedRow(job)}</li>`)}
        ${section('ended', done, (job) => html`<li class="row">${endedRow(job)}</li>`)}
      </div>
    `;
  }

  /** All that wait, in their order: first what an engine has, then what can still be moved. */
  #line(next, waiting, more) {
    const here = waiting.filter(({ id }) => this.chosen.has(id));
    const head = here.length
      ? html`<button @click=${() => this.#cancelChosen(here)}>
          ${icon('close')}${t('queue.cancelChosen', { count: here.length })}
        </button>`
      : nothing;
    const acts = (job, at) => ({
      isChosen: this.chosen.has(job.id),
      choose: (isChosen) => this.#choose(job.id, isChosen),
      lift: (event) => this.#lift(event, job, at),
    });
    const row = (job, at) => html`<li
      class="row waiting ${this.held?.id === job.id ? 'is-held' : ''}"
      data-id=${job.id}
      @keydown=${(event) => this.#onKey(event, job, at, waiting.length)}
    >
      ${waitingRow(job, at, waiting.length, { ...acts(job, at), before: next.length })}
    </li>`;
    return html`
      ${section(
        'waiting',
        [...next, ...waiting],
        (job, place) => (place < next.length ? html`<li class="row next">${nextRow(job)}</li>` : row(job, place - next.length)),
        head,
      )}
      ${more > 0 && waiting.length ? html`<p class="hint">${t('queue.more', { count: more })}</p>` : nothing}
    `;
  }

  // -- order -------------------------------------------------------------------------------------

  async #onKey(event, job, at, count) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || !(event.altKey || event.target.matches('.grip'))) return;
    event.preventDefault();
    const to = at + by;
    if (to < 0 || to >= count) return;
    const moved = line.move(job.id, to);
    await this.updateComplete;
    this.querySelector(`[data-id="${CSS.escape(job.id)}"] .grip`)?.focus();
    this.said = t('queue.moved', { title: titleOf(job), place: to + 1 });
    await moved;
    this.requestUpdate();
  }

  /** Drag by the handle, with the mouse or a finger; the others make room. */
  #lift(event, job, at) {
    if (event.button) return;
    event.preventDefault();
    event.currentTarget.focus();
    this.held = { id: job.id, to: at };
    this.listening = new AbortController();
    const options = { signal: this.listening.signal };
    addEventListener('pointermove', (move) => this.#drag(move), options);
    addEventListener('pointerup', () => this.#drop(true), options);
    addEventListener('pointercancel', () => this.#drop(false), options);
    addEventListener('keydown', (key) => key.key === 'Escape' && this.#drop(false), options);
  }

  #drag({ clientY }) {
    const rows = [...this.querySelectorAll('.row.waiting:not(.is-held)')];
    const to = rows.filter((row) => {
      const { top, height } = row.getBoundingClientRect();
      return top + height / 2 < clientY;
    }).length;
    if (to !== this.held.to) this.held = { ...this.held, to };
  }

  #drop(isMeant) {
    this.listening.abort();
    const { id, to } = this.held;
    this.held = null;
    if (isMeant) line.move(id, to);
  }

  // -- ending ------------------------------------------------------------------------------------

  #choose(id, isChosen) {
    const chosen = new Set(this.chosen);
    if (isChosen) chosen.add(id);
    else chosen.delete(id);
    this.chosen = chosen;
  }

  async #cancelChosen(list) {
    this.chosen = new Set();
    const went = await line.cancel(list.map(({ id }) => id));
    if (went) notices.say(t('queue.canceledMany', { count: list.length }));
  }

  async #cancelMine() {
    if (!this.isSure) {
      this.isSure = true;
      this.unsure = setTimeout(() => (this.isSure = false), SURE_MS);
      return;
    }
    this.isSure = false;
    const running = line.running.filter((job) => job.user_id === session.user.id).map(({ id }) => id);
    await notices.attempt(async () => {
      const { canceled } = await api.post('/api/queue/clear');
      if (running.length) await line.cancel(running);
      notices.say(t('queue.canceledMany', { count: canceled + running.length }));
    });
    feed.askQueue();
  }
}

function section(name, list, row, head = nothing) {
  if (!list.length) return nothing;
  return html`
    <section class="queue-${name}">
      <header class="section-head">
        <h2>${t(`queue.${name}`)}</h2>
        ${list.length > 1 ? html`<span class="hint">${list.length}</span>` : nothing} ${head}
      </header>
      <ul class="rows">
        ${repeat(list, (job) => job.id, row)}
      </ul>
    </section>
  `;
}

customElements.define('queue-view', QueueView);
