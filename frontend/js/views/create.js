import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { drops } from '../models/drops.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { isFile } from '../models/values.js';
import { icon } from '../components/icons.js';
import { making } from '../components/later.js';
import { pausedBanner, placeholderNote } from '../components/states.js';
import '../components/composer.js';

const LOOK_AGAIN_MS = 3000;
const NARROW = matchMedia('(max-width: 999px)');

/** Where everything starts: a workflow or preset with its form, and what comes of it. */
class CreateView extends Element {
  constructor() {
    super();
    this.dropped = null;
    this.watch(draft, feed);
  }

  connectedCallback() {
    super.connectedCallback();
    draft.load();
    this.looking = setInterval(() => this.#isBlocked && draft.load(), LOOK_AGAIN_MS);
    // What is no workflow is told so.
    this.untake = drops.take(['graph', 'image', 'media', 'file'], (file, kind) => this.#take(file, kind));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.looking);
    this.untake();
  }

  get #isBlocked() {
    return Boolean(draft.problem) || !draft.workflow || draft.workflow.readiness.state !== 'ready';
  }

  render() {
    return html`
      <div class="view create">
        <h1 class="unseen">${t('create.title')}</h1>
        ${pausedBanner()}
        ${feed.paintsPlaceholders
          ? html`<p class="banner is-note">${icon('warning')}${placeholderNote(t('shell.placeholder.create'))}</p>`
          : nothing}
        <div class="create-form" @sent=${() => this.#onSent()}>
          ${this.dropped
            ? html`<graph-panel
                .name=${this.dropped.name}
                .graph=${this.dropped.graph}
                .onClose=${() => this.#show(null)}
              ></graph-panel>`
            : html`<prompt-composer></prompt-composer>`}
          <create-advice></create-advice> ${session.can('graphs:run') ? this.#bring() : nothing}
        </div>
        <result-stage></result-stage>
      </div>
    `;
  }

  /** Show what was just started, also where it stands below the form. */
  #onSent() {
    const stage = this.querySelector('result-stage');
    stage.follow?.();
    if (NARROW.matches) stage.scrollIntoView({ block: 'start', behavior: 'smooth' });
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
            @change=${({ target }) => this.#taken(target)} /></label>
        <span class="bring-help">${t('create.bringHelp')}</span>
      </p>
    `;
  }

  #taken(input) {
    this.#read(input.files[0]);
    // The same file may be chosen again.
    input.value = '';
  }

  /** A picture is for the form, when that has a place for one; all else may be a workflow. */
  #take(file, kind) {
    if (kind !== 'graph' && draft.fields.some(isFile)) {
      notices.attempt(async () => (await making()).bringFile(file));
    } else this.#read(file);
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
}

customElements.define('create-view', CreateView);
