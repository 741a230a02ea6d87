import { html, nothing } from '../core/element.js';
import { explain, words } from '../core/messages.js';
import { api } from '../core/api.js';
import { assetValue, filesOf, modelsOf, textsOf, withValues } from '../models/graph.js';
import { jobs } from '../models/jobs.js';
import { upload } from '../models/uploads.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';

const text = words.graph;
const TITLE_LENGTH = 100;

/** A graph that somebody brought: what it is, the files it wants, and a button to run it. */
class GraphPanel extends FormElement {
  static properties = { name: {}, graph: { attribute: false }, onClose: { attribute: false } };

  willUpdate(changed) {
    if (changed.has('graph')) {
      this.#giveUpAll();
      this.files = filesOf(this.graph);
      this.error = null;
    }
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#giveUpAll();
  }

  /** Nobody is left to run a graph with what is still on its way. */
  #giveUpAll() {
    for (const file of this.files ?? []) file.giveUp?.();
  }

  render() {
    const [longest] = textsOf(this.graph);
    const isWaiting = this.files.some((file) => !file.asset);
    return html`
      <form class="card graph" @submit=${(event) => this.submitted(event, () => this.#run())}>
        <header>
          <h2>${this.name}</h2>
          <button type="button" class="bare" aria-label=${words.close} @click=${this.onClose}>
            ${icon('close')}
          </button>
        </header>
        <p class="hint">
          ${[text.nodes(Object.keys(this.graph).length), ...modelsOf(this.graph)].join(' · ')}
        </p>
        ${longest ? html`<blockquote>${longest}</blockquote>` : nothing}
        ${this.files.length ? html`<p>${text.inputs}</p>` : nothing}
        ${this.files.map((file) => this.#fileField(file))} ${this.problem()}
        <button class="primary" ?disabled=${this.busy || isWaiting}>
          ${icon('play')}${this.busy ? words.create.sending : text.run}
        </button>
      </form>
    `;
  }

  #fileField(file) {
    return html`
      <label class="field">
        <span>${file.title} <small>${file.file}</small></span>
        <input type="file" @change=${({ target }) => this.#upload(file, target.files[0])} />
        <small role="status">${file.problem ? explain(file.problem) : file.state}</small>
      </label>
    `;
  }

  async #upload(file, chosen) {
    if (!chosen) return;
    const show = (state) => {
      Object.assign(file, state);
      this.requestUpdate();
    };
    file.giveUp?.();
    const controller = new AbortController();
    const { signal } = controller;
    file.giveUp = () => controller.abort();
    show({ asset: null, problem: null, state: text.uploading(0) });
    try {
      const onProgress = (part) =>
        signal.aborted || show({ state: text.uploading(Math.round(part * 100)) });
      const asset = await upload(chosen, onProgress, signal);
      if (!signal.aborted) show({ asset, state: text.uploaded });
    } catch (problem) {
      if (!signal.aborted) show({ problem });
    }
  }

  async #run() {
    const values = this.files.map(({ nodeId, name, asset }) => ({
      nodeId,
      name,
      value: assetValue(asset.id),
    }));
    const [longest = this.name] = textsOf(this.graph);
    const workflow = withValues(this.graph, values);
    jobs.accept(await api.post('/api/jobs', { workflow, title: longest.slice(0, TITLE_LENGTH) }));
  }
}

customElements.define('graph-panel', GraphPanel);
