import { Element, html, nothing } from '../core/element.js';
import { words } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { hasEnded, isRunning } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { pausedBanner, placeholderNote } from '../components/states.js';
import { statusText, tiles, titleOf } from '../components/tiles.js';
import '../components/composer.js';

const LOOK_AGAIN_MS = 3000;
const SAY_EVERY_MS = 4000;
const text = words.create;

/** Where everything starts: a prompt, or a graph that is dropped, and what comes of them. */
class CreateView extends Element {
  constructor() {
    super();
    this.dropped = null;
    this.depth = 0;
    this.watch(draft, feed, jobs);
    this.handlers = {
      dragenter: (event) => this.#drag(event, 1),
      dragleave: (event) => this.#drag(event, -1),
      dragover: (event) => event.preventDefault(),
      drop: (event) => this.#drop(event),
    };
  }

  connectedCallback() {
    super.connectedCallback();
    draft.load();
    const look = () => (draft.offer?.reason || draft.problem) && draft.load();
    this.looking = setInterval(look, LOOK_AGAIN_MS);
    this.saying = setInterval(() => this.#say(), SAY_EVERY_MS);
    for (const [name, handler] of Object.entries(this.handlers)) addEventListener(name, handler);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.looking);
    clearInterval(this.saying);
    for (const [name, handler] of Object.entries(this.handlers)) removeEventListener(name, handler);
  }

  /** The caller's jobs, newest first, but what is being made now before everything. */
  get own() {
    const own = jobs.all.filter((job) => job.user_id === session.user?.id);
    return [...own.filter(isRunning), ...own.filter((job) => !isRunning(job))];
  }

  render() {
    const own = this.own;
    return html`
      <div class="view create ${this.depth > 0 ? 'is-dropping' : ''}">
        <h1 class="unseen">${text.title}</h1>
        ${pausedBanner()}
        ${feed.paintsPlaceholders
          ? html`<p class="banner is-note">${icon('warning')}${placeholderNote(words.placeholder.create)}</p>`
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
          ? html`<h2>${text.recent}</h2>
              ${tiles(own, { failures: (job) => jobs.watched.has(job.id) && job.status === 'failed' })}`
          : html`<div class="empty">${icon('create')}<h2>${text.emptyTitle}</h2><p>${text.empty}</p></div>`}
        ${this.depth > 0 ? html`<div class="drop-sheet">${icon('upload')}${text.dropNow}</div>` : nothing}
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
        <h2>${isModel ? text.noModelTitle : text.noEngineTitle}</h2>
        <p>${isModel ? text.noModel : text.noEngine}</p>
        ${isModel && session.can('graphs:run') ? html`<p>${text.noModelGraph}</p>` : nothing}
        <button @click=${() => draft.load()}>${icon('again')}${text.lookAgain}</button>
      </div>
    `;
  }

  #bring() {
    return html`
      <p class="bring hint">
        ${text.bring}
        <label class="link">
          ${text.choose}<input
            class="unseen"
            type="file"
            accept=".json,.png,application/json,image/png"
            @change=${({ target }) => this.#take(target)} /></label>
        <span class="bring-help">${text.bringHelp}</span>
      </p>
    `;
  }

  #take(input) {
    this.#read(input.files[0]);
    // The same file may be chosen again.
    input.value = '';
  }

  #drag(event, by) {
    event.preventDefault();
    if (!event.dataTransfer?.types.includes('Files')) return;
    this.depth = Math.max(0, this.depth + by);
    this.requestUpdate();
  }

  #drop(event) {
    event.preventDefault();
    this.depth = 0;
    this.requestUpdate();
    this.#read(event.dataTransfer?.files[0]);
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
    this.said = words.job.announce(titleOf(watched), statusText(watched));
    this.requestUpdate();
  }
}

customElements.define('create-view', CreateView);
