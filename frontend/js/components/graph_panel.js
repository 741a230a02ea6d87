import { html, nothing } from '../core/element.js';
import { explain, t } from '../core/messages.js';
import { api } from '../core/api.js';
import { forgetBrought } from '../models/brought.js';
import { assetValue, filesOf, modelsOf, textsOf, withValues } from '../models/graph.js';
import { jobs } from '../models/jobs.js';
import { upload } from '../models/uploads.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';
import { missingModels } from './missing.js';

const TITLE_LENGTH = 100;
/** Where ComfyUI looks for the files of an input, for those that most graphs have. */
const FOLDERS = {
  ckpt_name: 'checkpoints',
  lora_name: 'loras',
  vae_name: 'vae',
  unet_name: 'diffusion_models',
  clip_name: 'text_encoders',
  clip_name1: 'text_encoders',
  clip_name2: 'text_encoders',
  control_net_name: 'controlnet',
};

/** A graph that somebody brought: what it is, the files it wants, and a button to run it. */
class GraphPanel extends FormElement {
  static properties = { name: {}, graph: { attribute: false }, onClose: { attribute: false } };

  willUpdate(changed) {
    if (changed.has('graph')) {
      this.#giveUpAll();
      this.files = filesOf(this.graph);
      this.models = [];
      this.ask = { graph: this.graph };
      this.error = null;
      this.#lookForModels();
    }
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#giveUpAll();
  }

  /** Which models the graph lacks; where that cannot be told, running it will. */
  async #lookForModels() {
    const { graph } = this;
    let inputs = [];
    try {
      ({ inputs } = await api.post('/api/graphs/models', { workflow: graph }));
    } catch {
      // No engine is there yet, or it is no graph after all.
    }
    if (graph !== this.graph) return;
    // Where none was named, whichever is there will do; another one than was asked for is a choice.
    const before = this.models;
    const chosen = ({ node_id: id, name, value, installed }) =>
      before.find((each) => each.node_id === id && each.name === name)?.chosen || (value ? '' : (installed[0] ?? ''));
    this.models = inputs.map((input) => ({ ...input, chosen: chosen(input) }));
    this.requestUpdate();
  }

  /** Nobody is left to run a graph with what is still on its way. */
  #giveUpAll() {
    for (const file of this.files ?? []) file.giveUp?.();
  }

  render() {
    const [longest] = textsOf(this.graph);
    const isWaiting =
      this.files.some((file) => !file.asset) || this.models.some((model) => !model.chosen);
    return html`
      <form class="card graph" @submit=${(event) => this.submitted(event, () => this.#run())}>
        <header>
          <h2>${this.name}</h2>
          <button type="button" class="bare" aria-label=${t('shell.close')} @click=${() => this.#close()}>
            ${icon('close')}
          </button>
        </header>
        <p class="hint">
          ${[t('graph.nodes', { count: Object.keys(this.graph).length }), ...modelsOf(this.graph)].join(' · ')}
        </p>
        ${longest ? html`<blockquote>${longest}</blockquote>` : nothing}
        ${this.models.some(({ value }) => value)
          ? missingModels(this.ask, () => this.#lookForModels())
          : nothing}
        ${this.models.map((model) => this.#modelField(model))}
        ${this.models.some((model) => !model.installed.length)
          ? html`<button type="button" @click=${() => this.#lookForModels()}>
              ${icon('again')}${t('making.lookAgain')}
            </button>`
          : nothing}
        ${this.files.length ? html`<p>${t('graph.inputs')}</p>` : nothing}
        ${this.files.map((file) => this.#fileField(file))} ${this.problem()}
        <button class="primary" ?disabled=${this.busy || isWaiting}>
          ${icon('play')}${this.busy ? t('create.sending') : t('graph.run')}
        </button>
      </form>
    `;
  }

  #close() {
    forgetBrought();
    this.onClose();
  }

  #modelField(model) {
    const { title, name, value, installed } = model;
    const lack = value ? t('graph.notInstalled', { name: value }) : t('graph.noModelNamed');
    const folder = FOLDERS[name];
    if (!installed.length && value) return nothing;
    if (!installed.length) {
      return html`
        <div class="field">
          <span>${title} <small>${lack}</small></span>
          <p class="hint">${folder ? t('graph.installInto', { folder: `models/${folder}` }) : t('graph.install')}</p>
        </div>
      `;
    }
    const choose = ({ target }) => {
      model.chosen = target.value;
      this.requestUpdate();
    };
    return html`
      <label class="field">
        <span>${title} <small>${lack}</small></span>
        <select @change=${choose}>
          ${model.chosen ? nothing : html`<option value="">${t('graph.chooseModel')}</option>`}
          ${installed.map(
            (each) => html`<option value=${each} .selected=${each === model.chosen}>${each}</option>`,
          )}
        </select>
      </label>
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
    show({ asset: null, problem: null, state: t('graph.uploading', { percent: 0 }) });
    try {
      const shown = (key) => (part) =>
        signal.aborted || show({ state: t(key, { percent: Math.round(part * 100) }) });
      const handlers = { onHash: shown('graph.hashing'), onSend: shown('graph.uploading') };
      const asset = await upload(chosen, handlers, signal);
      if (!signal.aborted) show({ asset, state: t('graph.uploaded') });
    } catch (problem) {
      if (!signal.aborted) show({ problem });
    }
  }

  async #run() {
    const values = [
      ...this.files.map(({ nodeId, name, asset }) => ({ nodeId, name, value: assetValue(asset.id) })),
      ...this.models.map(({ node_id: nodeId, name, chosen }) => ({ nodeId, name, value: chosen })),
    ];
    const [longest = this.name] = textsOf(this.graph);
    const workflow = withValues(this.graph, values);
    jobs.accept(await api.post('/api/jobs', { workflow, title: longest.slice(0, TITLE_LENGTH) }));
  }
}

customElements.define('graph-panel', GraphPanel);
