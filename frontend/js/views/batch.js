import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { agoText } from '../core/format.js';
import { explain, t } from '../core/messages.js';
import { router } from '../core/router.js';
import { hasEnded, percentOf, thumbnailUrl } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { viewer } from '../models/viewer.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';

const RELOAD_MS = 800;
const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired', 'purged']);

/** What came of a batch: its cells in rows and columns, each filled as its job ends. */
class BatchView extends Element {
  constructor() {
    super();
    this.batch = null;
    this.list = null;
    this.error = null;
    /** For every axis but the last two: which of its values is shown. */
    this.page = [];
    this.watch(jobs);
    this.onRoute = () => this.#load();
    this.onJobs = () => this.#follow();
  }

  connectedCallback() {
    super.connectedCallback();
    router.addEventListener('change', this.onRoute);
    jobs.addEventListener('change', this.onJobs);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    router.removeEventListener('change', this.onRoute);
    jobs.removeEventListener('change', this.onJobs);
    clearTimeout(this.timer);
  }

  async #load() {
    const id = router.argument;
    if (router.view !== 'batch') return;
    try {
      const found = await api.get(id ? `/api/batches/${encodeURIComponent(id)}` : '/api/batches');
      if (id !== router.argument) return;
      this.batch = id ? found : null;
      this.list = id ? null : found.items;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  /** A cell's job has ended that had not: what it made is asked for, for all such cells at once. */
  #follow() {
    const stale = this.batch?.cells.some(({ job_id: id, status }) => {
      const job = jobs.byId.get(id);
      return job && job.status !== status && (hasEnded(job) || !ENDED.has(status));
    });
    if (!stale || this.timer) return;
    this.timer = setTimeout(async () => {
      this.timer = null;
      await this.#load();
    }, RELOAD_MS);
  }

  render() {
    if (this.error) return html`<div class="view batch">${errorText(this.error)}</div>`;
    if (this.list) return this.#all();
    if (!this.batch) return html`<div class="view batch"><div class="skeleton" aria-hidden="true"></div></div>`;
    const { batch } = this;
    const done = batch.cells.filter(({ status }) => ENDED.has(status)).length;
    const isDone = done === batch.cells.length;
    return html`
      <div class="view batch">
        <header class="view-head">
          <a class="button" href="#/batch" aria-label=${t('batch.all')} title=${t('batch.all')}>${icon('left')}</a>
          <h1>${batch.title}</h1>
          ${isDone
            ? nothing
            : html`<button @click=${() => notices.attempt(() => this.#cancel())}>${icon('close')}${t('batch.cancel')}</button>`}
          <a class="button" href="/api/batches/${batch.id}/image" download="batch-${batch.id}.png">
            ${icon('download')}${t('batch.export')}
          </a>
        </header>
        <p class="hint" role="status">
          ${t('batch.done', { done, all: batch.cells.length })}
          ${batch.counts.failed ? html`· ${t('batch.failed', { count: batch.counts.failed })}` : nothing}
        </p>
        ${isDone ? nothing : html`<progress aria-label=${t('batch.progress')} max=${batch.cells.length} .value=${done}></progress>`}
        ${this.#pages()} ${this.#grid()}
      </div>
    `;
  }

  /** Axes beyond rows and columns are chosen from. */
  #pages() {
    const more = this.batch.axes.slice(0, -2);
    if (!more.length) return nothing;
    const turn = (index) => ({ target }) => {
      this.page[index] = Number(target.value);
      this.requestUpdate();
    };
    return html`
      <div class="batch-pages">
        ${more.map(
          (axis, index) => html`<label class="field">
            <span>${nameOf(axis)}</span>
            <select @change=${turn(index)}>
              ${axis.labels.map(
                (label, at) => html`<option value=${at} .selected=${at === (this.page[index] ?? 0)}>${label}</option>`,
              )}
            </select>
          </label>`,
        )}
      </div>
    `;
  }

  #grid() {
    const { axes, cells } = this.batch;
    const before = axes.slice(0, -2).map((_, index) => this.page[index] ?? 0);
    const isHere = ({ coords }) => before.every((at, index) => coords[index] === at);
    const shown = cells.filter(isHere);
    if (axes.length < 2) {
      return html`<ul class="batch-flow">
        ${shown.map((cell) => html`<li>${this.#cell(cell)}<p class="hint">${cell.labels.join(', ')}</p></li>`)}
      </ul>`;
    }
    const [rows, columns] = axes.slice(-2);
    return html`
      <div class="batch-scroll" tabindex="0" role="region" aria-label=${t('batch.grid')}>
        <table class="batch-grid">
          <thead>
            <tr>
              <td><span class="hint">${nameOf(rows)} ↓ ${nameOf(columns)} →</span></td>
              ${columns.labels.map((label) => html`<th scope="col">${label}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.labels.map(
              (label, row) => html`<tr>
                <th scope="row">${label}</th>
                ${shown.filter(({ coords }) => coords.at(-2) === row).map((cell) => html`<td>${this.#cell(cell)}</td>`)}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    `;
  }

  #cell(cell) {
    const job = jobs.byId.get(cell.job_id);
    const [asset] = cell.assets;
    const label = cell.labels.join(', ');
    if (asset) {
      return html`<button class="thumb" aria-label=${t('batch.open', { label })} @click=${() => this.#open(asset)}>
        <img src="${thumbnailUrl({ id: asset })}?size=large" alt=${label} loading="lazy" />
        ${cell.assets.length > 1 ? html`<span>${cell.assets.length}</span>` : nothing}
      </button>`;
    }
    const preview = job && jobs.previews.get(job.id);
    const isRunning = job && !hasEnded(job) && job.status !== 'queued';
    const why = job?.error ? explain(job.error) : '';
    return html`<span class="thumb is-${cell.status}" title=${why}>
      ${preview ? html`<img src=${preview} alt="" />` : nothing}
      <span>${isRunning ? `${percentOf(job)} %` : t(cell.trashed ? 'batch.trashed' : `batch.status.${cell.status}`)}</span>
    </span>`;
  }

  /** The lightbox over all that there is, in the order of the cells. */
  async #open(asset) {
    await notices.attempt(async () => {
      const items = await this.#items();
      viewer.open(items, asset);
    });
  }

  async #items() {
    const cells = this.batch.cells.filter(({ assets }) => assets.length);
    const unknown = cells.filter(({ job_id: id }) => id && !jobs.byId.get(id)?.outputs?.length);
    await Promise.all(unknown.map(({ job_id: id }) => jobs.refresh(id)));
    return cells.flatMap(({ job_id: id, assets }) => {
      const job = jobs.byId.get(id);
      const outputs = job?.outputs ?? [];
      return assets.map((one) => outputs.find((output) => output.id === one)).filter(Boolean).map((output) => ({ job, output }));
    });
  }

  async #cancel() {
    this.batch = await api.post(`/api/batches/${this.batch.id}/cancel`);
    this.requestUpdate();
  }

  #all() {
    return html`
      <div class="view batch">
        <header class="view-head"><h1>${t('batch.all')}</h1></header>
        ${this.list.length
          ? html`<ul class="rows">
              ${this.list.map(
                (batch) => html`<li class="row">
                  <a class="row-words" href="#/batch/${batch.id}">
                    <b>${batch.title}</b>
                    <small>${sizeOf(batch)} · ${agoText(batch.created_at)}</small>
                  </a>
                </li>`,
              )}
            </ul>`
          : html`<div class="empty">${icon('vary')}<h2>${t('batch.empty')}</h2><p>${t('batch.emptyHelp')}</p>
              <a class="button" href="#/create">${t('shell.toCreate')}</a></div>`}
      </div>
    `;
  }
}

/** What an axis varies: inputs, or questions without their brackets; repetition has no name of its own. */
const nameOf = ({ inputs }) =>
  inputs.map((input) => input.replace(/^\[\[(.*)\]\]$/, '$1')).join(', ') || t('batch.number');

/** How many pictures there are, and of how many where some are kept no longer. */
function sizeOf({ size, counts }) {
  const kept = size - (counts.purged ?? 0);
  return kept < size ? t('batch.kept', { kept, count: size }) : t('batch.size', { count: size });
}

customElements.define('batch-view', BatchView);
