import { Element, html, live, nothing } from '../core/element.js';
import { explain, t } from '../core/messages.js';
import { api } from '../core/api.js';
import { router } from '../core/router.js';
import { errorText } from '../components/form.js';
import { formPreview } from '../components/form_preview.js';
import { graphPicture } from '../components/graph_picture.js';
import { icon } from '../components/icons.js';
import { missingModels } from '../components/missing.js';
import { readinessList } from '../components/readiness.js';
import { notices } from '../models/notices.js';
import { inspect, pathOf, workflows } from '../models/workflows.js';
import { wizard } from '../models/wizard.js';
import '../components/wizard_icons.js';
import '../components/input_list.js';
import '../components/manifest_text.js';
import '../components/node_list.js';

const IS_WIDE = matchMedia('(min-width: 800px)');
const FACTS = ['description', 'category', 'base_model', 'group', 'author'];

/** What a graph asks for, proposed by Studio and decided by a person; then it is a workflow. */
class WorkflowWizard extends Element {
  constructor() {
    super();
    this.watch(wizard);
    this.tab = 'form';
    this.comment = '';
    this.error = null;
  }

  render() {
    if (!wizard.isOpen) return nothing;
    const { manifest, id, refusal } = wizard;
    return html`
      <div class="view flow wizard">
        <a class="flow-back" href=${id ? `#/workflows/${encodeURIComponent(id)}` : '#/workflows'}>
          ${icon('left')}${id ? wizard.title : t('workflows.title')}
        </a>
        <header class="view-head">
          <h1>${id ? t('wizard.editTitle', { name: wizard.title }) : t('wizard.title')}</h1>
          <p class="wizard-state" role="status">${this.#state()}</p>
        </header>
        ${this.#problems()} ${this.#lacks()} ${this.tab === 'form' ? this.#picture() : nothing}
        <div class="tabs" role="tablist" aria-label=${t('wizard.tabs')} @keydown=${(event) => this.#onTabKey(event)}>
          ${['form', 'text'].map(
            (name) => html`<button
              role="tab"
              id="tab-${name}"
              aria-controls="panel-${name}"
              aria-selected=${this.tab === name ? 'true' : 'false'}
              tabindex=${this.tab === name ? '0' : '-1'}
              @click=${() => this.#show(name)}
            >
              ${t(`wizard.tab.${name}`)}
            </button>`,
          )}
        </div>
        <div class="wizard-columns">
          <div class="flow-main" role="tabpanel" id="panel-${this.tab}" aria-labelledby="tab-${this.tab}">
            ${this.tab === 'text'
              ? html`<manifest-text></manifest-text>`
              : html`
                  ${this.#about(manifest)}
                  <input-list></input-list>
                  <node-list></node-list>
                `}
          </div>
          <aside class="wizard-aside" aria-label=${t('wizard.preview')}>
            <section class="card preview ${refusal ? 'is-stale' : ''}">
              <h2>${t('wizard.preview')}</h2>
              ${formPreview(wizard.form)}
            </section>
          </aside>
        </div>
        ${this.#foot()}
      </div>
    `;
  }

  #state() {
    if (wizard.refusal) return html`<span class="ready is-missing"><span class="dot"></span>${t('wizard.cannotSave')}</span>`;
    if (wizard.isChecking && !wizard.form.length) return t('wizard.checking');
    return html`<span class="ready is-ready"><span class="dot"></span>${t('wizard.canSave')}</span>`;
  }

  #show(name) {
    this.tab = name;
    this.requestUpdate();
  }

  async #onTabKey(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    this.#show(this.tab === 'form' ? 'text' : 'form');
    await this.updateComplete;
    this.querySelector('[role="tab"][aria-selected="true"]').focus();
  }

  /** What the conversion could not do, and why the manifest is refused. */
  #problems() {
    const { problems, refusal } = wizard;
    const names = new Map(wizard.nodes.map(({ id, title, type }) => [id, title || type]));
    return html`
      <div class="problem" role="alert">
        ${refusal && this.tab === 'form' ? errorText(refusal) : nothing}
      </div>
      ${problems.length
        ? html`<section class="card conversion" aria-labelledby="conversion">
            <h2 id="conversion">${icon('warning')}${t('wizard.converted', { count: problems.length })}</h2>
            <ul class="rows">
              ${problems.map(
                ({ node_id: id, message }) => html`<li class="row">
                  <p class="row-words">
                    ${id === null || id === undefined
                      ? nothing
                      : html`<strong>${names.get(id) ?? ''} ${t('wizard.nodeNumber', { id })}</strong>`}
                    ${message}
                  </p>
                  ${names.has(id)
                    ? html`<button class="bare" @click=${() => this.#look(id)}>${t('wizard.look')}</button>`
                    : nothing}
                </li>`,
              )}
            </ul>
          </section>`
        : nothing}
    `;
  }

  /** What is missing to run it; saving it needs nothing. */
  #lacks() {
    const { readiness, manifest } = wizard;
    if (!readiness) return nothing;
    const ask = { models: manifest.models ?? [] };
    const check = () => wizard.check();
    // Where another model of the kind would do, the one that the graph names may be missing all the same.
    if (readiness.state === 'ready') return missingModels(ask, check, { isQuiet: true });
    return html`<section class="card">
      <h2>${t('workflows.missing')}</h2>
      ${readinessList(readiness, ask, check)}
    </section>`;
  }

  async #look(id) {
    this.#show('form');
    await this.updateComplete;
    this.querySelector('node-list').show(id);
  }

  #picture() {
    const marked = new Set(wizard.inputs.flatMap(({ targets = [] }) => targets.map(({ node }) => node)));
    return html`
      <details class="wizard-picture" ?open=${IS_WIDE.matches}>
        <summary>${t('wizard.picture')}</summary>
        ${graphPicture(wizard.nodes, { marked, onChoose: (id) => this.#look(id) })}
        ${wizard.id && !wizard.manifest.pipeline ? this.#graphFile() : nothing}
      </details>
    `;
  }

  #graphFile() {
    const choose = ({ target }) => {
      const files = [...target.files];
      target.value = '';
      notices.attempt(async () => {
        const found = await inspect(files);
        const former = wizard.snapshot();
        wizard.setGraph(found);
        notices.undoable(t('wizard.tookGraph'), () => wizard.reopen(former));
      });
    };
    return html`<label class="take-graph">
      <input class="unseen" type="file" aria-describedby="take-graph" @change=${choose} />
      <span class="button">${icon('upload')}${t('wizard.takeGraph')}</span>
      <small id="take-graph">${t('wizard.takeGraphHelp')}</small>
    </label>`;
  }

  #about(manifest) {
    const { items } = workflows;
    const known = [...new Set((items ?? []).map(({ category }) => category).filter(Boolean))].sort();
    const field = (name) => html`
      <label class="field ${name === 'description' ? 'full' : ''}">
        <span>${t(`wizard.fact.${name}`)}</span>
        <input
          maxlength=${name === 'description' ? 2000 : 100}
          list=${name === 'category' ? 'categories' : nothing}
          .value=${live(manifest[name] ?? '')}
          @input=${({ target }) => wizard.set({ [name]: target.value })}
        />
      </label>
    `;
    return html`
      <section class="card" aria-labelledby="about">
        <h2 id="about">${t('wizard.about')}</h2>
        <label class="field">
          <span>${t('wizard.fact.name')}</span>
          <input
            required
            maxlength="120"
            .value=${live(manifest.name ?? '')}
            @input=${({ target }) => wizard.set({ name: target.value })}
          />
        </label>
        <details ?open=${FACTS.some((name) => manifest[name])}>
          <summary>${t('wizard.moreFacts')}</summary>
          <div class="fields">
            ${FACTS.map(field)}
            <label class="field full">
              <span>${t('wizard.fact.tags')}</span>
              <input
                .value=${(manifest.tags ?? []).join(', ')}
                @change=${({ target }) =>
                  wizard.set({ tags: target.value.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean) })}
              />
            </label>
          </div>
          <datalist id="categories">${known.map((each) => html`<option value=${each}></option>`)}</datalist>
        </details>
      </section>
    `;
  }

  #foot() {
    const isConflict = this.error?.code === 'version_conflict';
    return html`
      <footer class="wizard-foot">
        <div class="problem" role="alert">${this.error ? errorText(this.error) : nothing}</div>
        ${wizard.id
          ? html`<label class="wizard-comment">
              <span class="unseen">${t('wizard.comment')}</span>
              <input
                maxlength="500"
                placeholder=${t('wizard.comment')}
                .value=${live(this.comment)}
                @input=${({ target }) => (this.comment = target.value)}
              />
            </label>`
          : html`<p class="hint wizard-comment">${t('wizard.from', { name: wizard.title })}</p>`}
        <button @click=${() => this.#giveUp()}>${t(wizard.isChanged ? 'wizard.discard' : 'shell.cancel')}</button>
        ${isConflict
          ? html`<button @click=${() => this.#saveOver()}>${t('wizard.saveOver')}</button>`
          : nothing}
        <button class="primary" ?disabled=${this.busy || Boolean(wizard.refusal)} @click=${() => this.#save()}>
          ${icon('check')}${t(wizard.id ? 'wizard.saveVersion' : 'wizard.save')}
        </button>
      </footer>
    `;
  }

  #giveUp() {
    const { id } = wizard;
    const former = wizard.snapshot();
    wizard.close();
    router.go(id ? `workflows/${encodeURIComponent(id)}` : 'workflows');
    if (!former.isChanged) return;
    notices.undoable(t('wizard.discarded'), () => {
      wizard.reopen(former);
      router.go(id ? `workflows/${encodeURIComponent(id)}/edit` : 'workflows/new');
    });
  }

  #saveOver() {
    wizard.base = this.error.details.head;
    return this.#save();
  }

  async #save() {
    if (this.busy) return;
    Object.assign(this, { busy: true, error: null });
    this.requestUpdate();
    try {
      const saved = await wizard.save(this.comment);
      workflows.load();
      router.go(`workflows/${encodeURIComponent(saved.id)}`);
      notices.say(t('wizard.saved', { name: saved.name, number: saved.version }));
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
    this.requestUpdate();
  }
}

/** A change of a workflow that is there. */
class WorkflowEdit extends Element {
  static properties = { workflowId: {}, error: { state: true } };

  constructor() {
    super();
    this.watch(wizard);
  }

  willUpdate(changed) {
    if (!changed.has('workflowId')) return;
    this.error = null;
    if (!workflows.items) workflows.load();
    if (wizard.id !== this.workflowId && !wizard.resume(this.workflowId)) this.#load();
  }

  async #load() {
    const id = this.workflowId;
    try {
      const workflow = await api.get(pathOf(id));
      if (id === this.workflowId) wizard.edit(workflow);
    } catch (error) {
      this.error = error;
    }
  }

  render() {
    if (this.error) {
      return html`<div class="view flow">
        <a class="flow-back" href="#/workflows">${icon('left')}${t('workflows.title')}</a>
        <p class="error-text" role="alert">${explain(this.error)}</p>
      </div>`;
    }
    return wizard.id === this.workflowId ? html`<workflow-wizard></workflow-wizard>` : nothing;
  }
}

customElements.define('workflow-wizard', WorkflowWizard);
customElements.define('workflow-edit', WorkflowEdit);
