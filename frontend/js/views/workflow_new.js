import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { drops } from '../models/drops.js';
import { notices } from '../models/notices.js';
import { inspect, mayBring } from '../models/workflows.js';
import { wizard } from '../models/wizard.js';
import './workflow_wizard.js';

const KINDS = ['graph', 'image', 'media', 'file'];

/** A workflow comes from a file: brought here, looked into, then described in the wizard. */
class WorkflowNew extends Element {
  constructor() {
    super();
    this.watch(wizard);
    this.isReading = false;
    /** How much has left of a file that is too large for one request, 0 to 1. */
    this.sent = 0;
    this.error = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (!wizard.resume() && wizard.isOpen) wizard.leave();
    if (mayBring()) this.stop = drops.take(KINDS, (file) => this.#read([file]));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop?.();
  }

  /** Look into files; what was begun before gives way, and can be brought back. */
  async #read(files) {
    if (!files.length) return;
    const asked = (this.asked = {});
    Object.assign(this, { isReading: true, sent: 0, error: null });
    this.requestUpdate();
    try {
      const found = await inspect(files, (part) => {
        this.sent = part;
        this.requestUpdate();
      });
      if (asked === this.asked) this.#begin(found, files[0].name);
    } catch (error) {
      if (asked === this.asked) this.error = error;
    }
    if (asked === this.asked) this.isReading = false;
    this.requestUpdate();
  }

  #begin(found, name) {
    const former = wizard.isOpen && wizard.isChanged ? wizard.snapshot() : null;
    wizard.begin(found, name);
    if (former) notices.undoable(t('wizard.replaced', { name: former.manifest.name }), () => wizard.reopen(former));
  }

  render() {
    if (wizard.isOpen && !this.error) return html`<workflow-wizard></workflow-wizard>`;
    return html`
      <div class="view flow">
        <a class="flow-back" href="#/workflows">${icon('left')}${t('workflows.title')}</a>
        <h1>${t('workflows.new')}</h1>
        ${mayBring() ? this.#zone() : html`<p class="hint">${t('wizard.notAllowed')}</p>`}
      </div>
    `;
  }

  #reading() {
    return this.sent ? t('wizard.sending', { percent: Math.floor(this.sent * 100) }) : t('wizard.reading');
  }

  #zone() {
    const choose = ({ target }) => {
      this.#read([...target.files]);
      target.value = '';
    };
    return html`
      <label class="drop-zone ${this.isReading ? 'is-busy' : ''}">
        ${icon('upload')}
        <strong>${this.isReading ? this.#reading() : t('wizard.drop')}</strong>
        <span class="hint">${t('wizard.dropHelp')}</span>
        <input class="unseen" type="file" multiple ?disabled=${this.isReading} @change=${choose} />
        <span class="button" aria-hidden="true">${t('wizard.choose')}</span>
      </label>
      <div class="problem" role="alert">
        ${this.error ? errorText(this.error) : nothing} ${this.error ? detailsOf(this.error) : nothing}
      </div>
      <ul class="hint flow-formats">
        ${['api', 'ui', 'media', 'studio', 'folder'].map((each) => html`<li>${t(`wizard.format.${each}`)}</li>`)}
      </ul>
    `;
  }
}

/** The places that a refusal names, beyond its sentence. */
function detailsOf({ details }) {
  const problems = (details?.problems ?? []).slice(0, 20);
  return problems.length > 1
    ? html`<ul class="rows">
        ${problems.map(
          ({ node_id: node, path, message }) =>
            html`<li class="row"><p>${[node ? t('wizard.nodeNumber', { id: node }) : path, message].filter(Boolean).join(': ')}</p></li>`,
        )}
      </ul>`
    : nothing;
}

customElements.define('workflow-new', WorkflowNew);
