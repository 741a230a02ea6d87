import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { drops } from '../models/drops.js';
import { feed } from '../models/feed.js';
import { hasEnded, isRunning, titleOf } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { pausedBanner, placeholderNote } from '../components/states.js';
import { statusText, tiles } from '../components/tiles.js';
import '../components/composer.js';

const LOOK_AGAIN_MS = 3000;
const SAY_EVERY_MS = 4000;

/** Where everything starts: a prompt, or a graph that is dropped, and what comes of them. */
class CreateView extends Element {
  constructor() {
    super();
    this.dropped = null;
    this.watch(draft, feed, jobs);
  }

  connectedCallback() {
    super.connectedCallback();
    draft.load();
    const look = () => (draft.offer?.reason || draft.problem) && draft.load();
    this.looking = setInterval(look, LOOK_AGAIN_MS);
    this.saying = setInterval(() => this.#say(), SAY_EVERY_MS);
    // What is no workflow is told so.
    this.untake = drops.take(['graph', 'image', 'media', 'file'], (file) => this.#read(file));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.looking);
    clearInterval(this.saying);
    this.untake();
  }

  /** The caller's jobs, newest first, but what is being made now before everything. */
  get own() {
    const own = jobs.all.filter((job) => job.user_id === session.user?.id);
    return [...own.filter(isRunning), ...own.filter((job) => !isRunning(job))];
  }

  render() {
    const own = this.own;
    return html`
      <div class="view create">
        <h1 class="unseen">${t('create.title')}</h1>
        ${pausedBanner()}
        ${feed.paintsPlaceholders
          ? html`<p class="banner is-note">${icon('warning')}${placeholderNote(t('shell.placeholder.create'))}</p>`
          : nothing}
        ${this.dropped
          ? html`<graph-panel
              .name=${this.dropped.name}
              .graph=${this.dropped.graph}
              .onClose=${() => this.#show(null)}
            ></graph-panel>`
          : html`<prompt-composer></prompt-composer>`}
        ${this.#obstacle()} ${session.can('graphs:run') ? this.#bring() : nothing}
        <p class="unseen" role="status" aria-live="polite">${this.said}</p>
        ${own.length
          ? html`<h2>${t('create.recent')}</h2>
              ${tiles(own, { failures: (job) => jobs.watched.has(job.id) && job.status === 'failed' })}`
          : html`<div class="empty">${icon('create')}<h2>${t('create.emptyTitle')}</h2><p>${t('create.empty')}</p></div>`}
      </div>
    `;
  }

  #obstacle() {
    const reason = draft.offer?.reason;
    if (!draft.offer && draft.problem) return html`<div role="alert">${errorText(draft.problem)}</div>`;
    if (!reason) return nothing;
    const isModel = reason.code === 'no_checkpoint';
    return html`
      <div class="card advice" role="status">
        <h2>${isModel ? t('create.noModelTitle') : t('create.noEngineTitle')}</h2>
        <p>${isModel ? t('create.noModel') : t('create.noEngine')}</p>
        ${isModel && session.can('graphs:run') ? html`<p>${t('create.noModelGraph')}</p>` : nothing}
        <button @click=${() => draft.load()}>${icon('again')}${t('create.lookAgain')}</button>
      </div>
    `;
  }

  #bring() {
    return html`
      <p class="bring hint">
        ${t('create.bring')}
        <label class="link">
          ${t('create.choose')}<input
            class="unseen"
            type="file"
            accept=".json,.png,application/json,image/png"
            @change=${({ target }) => this.#take(target)} /></label>
        <span class="bring-help">${t('create.bringHelp')}</span>
      </p>
    `;
  }

  #take(input) {
    this.#read(input.files[0]);
    // The same file may be chosen again.
    input.value = '';
  }

  async #read(file) {
    if (!file) return;
    await notices.attempt(async () => {
      const [{ GraphError, readGraph }] = await Promise.all([
        import('../models/graph.js'),
        import('../components/graph_panel.js'),
      ]);
      if (!session.can('graphs:run')) throw new GraphError('not_allowed');
      this.#show({ name: file.name, graph: await readGraph(file) });
    });
  }

  #show(dropped) {
    this.dropped = dropped;
    this.requestUpdate();
  }

  /** For ears: how far the running job is now and then, and how it ended. */
  #say() {
    const own = this.own;
    const watched = own.find((job) => job.id === this.saidId && hasEnded(job)) ?? own.find(isRunning);
    if (!watched) return;
    this.saidId = hasEnded(watched) ? null : watched.id;
    this.said = t('job.announce', { title: titleOf(watched), status: statusText(watched) });
    this.requestUpdate();
  }
}

customElements.define('create-view', CreateView);
