import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
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
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.looking);
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
        <div class="create-form" @sent=${() => this.#onSent()} @lacking=${() => this.#toAdvice()}>
          <create-advice></create-advice>
          ${this.dropped
            ? html`<graph-panel
                .name=${this.dropped.name}
                .graph=${this.dropped.graph}
                .onClose=${() => this.#show(null)}
              ></graph-panel>`
            : html`<prompt-composer></prompt-composer>`}
          <create-bring .onGraph=${(dropped) => this.#show(dropped)}></create-bring>
        </div>
        <result-stage></result-stage>
      </div>
    `;
  }

  #show(dropped) {
    this.dropped = dropped;
    this.requestUpdate();
  }

  /** Lead to what is missing, instead of starting what cannot run. */
  #toAdvice() {
    this.querySelector('.advice')?.focus();
  }

  /** Show what was just started, also where it stands below the form. */
  async #onSent() {
    await making();
    const stage = this.querySelector('result-stage');
    stage.follow();
    await stage.updateComplete;
    if (NARROW.matches) stage.scrollIntoView({ block: 'start', behavior: 'smooth' });
  }
}

customElements.define('create-view', CreateView);
