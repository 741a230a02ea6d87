import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { keepBrought, recallBrought } from '../models/brought.js';
import { draft } from '../models/draft.js';
import { drops } from '../models/drops.js';
import { GraphError, readGraph } from '../models/graph.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { isFile } from '../models/values.js';
import './graph_panel.js';
import { bringFile } from './input_files.js';

/** Takes files that are brought to the form: workflows to run as they are, and files for its fields. */
class CreateBring extends Element {
  static properties = { onGraph: { attribute: false } };

  connectedCallback() {
    super.connectedCallback();
    // What is no workflow is told so.
    this.untake = drops.take(['graph', 'image', 'media', 'file'], (file, kind) => this.#take(file, kind));
  }

  firstUpdated() {
    const former = session.can('graphs:run') ? recallBrought() : null;
    if (former) this.onGraph(former);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.untake();
  }

  render() {
    if (!session.can('graphs:run')) return nothing;
    return html`
      <p class="bring hint">
        ${t('making.bring')}
        <label class="link">
          ${t('making.choose')}<input
            class="unseen"
            type="file"
            accept=".json,.png,application/json,image/png"
            @change=${({ target }) => this.#chosen(target)} /></label>
        <span class="bring-help">${t('making.bringHelp')}</span>
      </p>
    `;
  }

  #chosen(input) {
    this.#read(input.files[0]);
    // The same file may be chosen again.
    input.value = '';
  }

  /** A picture is for the form, when that has a place for one; all else may be a workflow. */
  #take(file, kind) {
    if (kind !== 'graph' && draft.fields.some(isFile)) bringFile(file);
    else this.#read(file, kind);
  }

  async #read(file, kind) {
    if (!file) return;
    await notices.attempt(async () => {
      if (!session.can('graphs:run')) throw new GraphError('not_allowed');
      try {
        const brought = { name: file.name, graph: await readGraph(file) };
        keepBrought(brought);
        this.onGraph(brought);
      } catch (error) {
        const isWorkflow = error.code === 'ui_format' || (kind === 'graph' && error.code === 'no_graph');
        if (!isWorkflow) throw error;
        // What cannot run as it is can be made into a workflow.
        drops.waiting = { file, kind: 'graph' };
        router.go('workflows/new');
      }
    });
  }
}

customElements.define('create-bring', CreateBring);
