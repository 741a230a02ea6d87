import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { api } from '../core/api.js';
import { agoText } from '../core/format.js';
import { translated } from '../core/shipped.js';
import { errorText } from '../components/form.js';
import { graphPicture } from '../components/graph_picture.js';
import { icon } from '../components/icons.js';
import { readinessList, readinessMark } from '../components/readiness.js';
import { addressOf, copy, menuOf, takeUp } from '../components/workflow_actions.js';
import { feed } from '../models/feed.js';
import { nodesOf, valueText } from '../models/nodes.js';
import { notices } from '../models/notices.js';
import { mayBring, mayChange, pathOf } from '../models/workflows.js';
import { categoryText, faceOf, whoseText } from './workflow_list.js';
import '../components/workflow_versions.js';

/** One workflow: what it is, what it asks for, what it needs, and how it came to be. */
class WorkflowDetail extends Element {
  static properties = { workflowId: {} };

  constructor() {
    super();
    this.watch(feed);
  }

  willUpdate(changed) {
    if (!changed.has('workflowId')) return;
    this.workflow = null;
    this.readiness = null;
    this.error = null;
    this.load();
  }

  load = async () => {
    const id = this.workflowId;
    try {
      const [workflow, readiness] = await Promise.all([
        api.get(pathOf(id)).then(translated),
        api.get(pathOf(id, '/readiness')),
      ]);
      if (id !== this.workflowId) return;
      Object.assign(this, { workflow, readiness, error: null });
      document.title = `${workflow.name} · ${t('shell.name')}`;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  };

  render() {
    const { workflow, error } = this;
    return html`
      <div class="view flow">
        <a class="flow-back" href="#/workflows">${icon('left')}${t('workflows.title')}</a>
        ${workflow ? this.#whole(workflow) : error ? this.#failed() : skeleton()}
      </div>
    `;
  }

  #failed() {
    return html`<div class="problem" role="alert">
      ${errorText(this.error)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
    </div>`;
  }

  #whole(workflow) {
    const { manifest } = workflow;
    return html`
      <header class="flow-head">
        ${faceOf(workflow)}
        <div>
          <h1>${workflow.name}</h1>
          <p class="hint">
            ${[workflow.category && categoryText(workflow.category), workflow.base_model, workflow.author]
              .filter(Boolean)
              .join(' · ')}
          </p>
        </div>
        <div class="flow-actions">
          <a
            class="button primary"
            href="#/create"
            aria-describedby=${workflow.readiness.state === 'ready' ? nothing : 'flow-missing'}
            @click=${() => takeUp(workflow.id)}
          >
            ${icon('play')}${t('workflows.run')}
          </a>
          ${mayChange(workflow)
            ? html`<a class="button" href=${addressOf(workflow.id, '/edit')}>${icon('use')}${t('workflows.edit')}</a>`
            : mayBring()
              ? html`<button @click=${() => notices.attempt(() => copy(workflow))}>
                  ${icon('copy')}${t('workflows.copyToChange')}
                </button>`
              : nothing}
          <menu-button
            label=${t('workflows.actionsFor', { name: workflow.name })}
            .items=${menuOf(workflow, { onChange: this.load })}
          ></menu-button>
        </div>
      </header>
      ${workflow.description ? html`<p class="flow-lead">${workflow.description}</p>` : nothing}
      <ul class="flow-facts">
        <li>${readinessMark(workflow.readiness)}</li>
        <li>${whoseText(workflow)}</li>
        <li>
          ${t('workflows.version', { number: workflow.version })}, ${agoText(workflow.updated_at)}
        </li>
        ${workflow.tags.map((tag) => html`<li class="flow-tag">${tag}</li>`)}
      </ul>
      <div class="flow-columns">
        <div class="flow-main">
          ${workflow.readiness.state === 'ready'
            ? nothing
            : html`<section class="card" aria-labelledby="flow-missing">
                <h2 id="flow-missing">${t('workflows.missing')}</h2>
                ${readinessList(this.readiness, { workflow_id: workflow.id }, this.load)}
              </section>`}
          ${inputs(workflow.form)} ${models(manifest.models ?? [], this.readiness)}
        </div>
        <workflow-versions .workflow=${workflow} .onChange=${this.load}></workflow-versions>
      </div>
      ${workflow.graph ? nodes(workflow) : nothing}
    `;
  }
}

const skeleton = () => html`
  <div class="flow-columns" aria-busy="true">
    <div class="flow-main"><div class="card is-loading"></div><div class="card is-loading"></div></div>
  </div>
`;

function inputs(form) {
  if (!form.length) return nothing;
  return html`
    <section class="card" aria-labelledby="flow-inputs">
      <h2 id="flow-inputs">${t('workflows.inputs')}</h2>
      <ul class="rows">
        ${form.map(
          (input) => html`<li class="row">
            <div class="row-words">
              <p class="row-title">
                ${input.name}
                ${input.required ? html`<small class="flag">${t('workflows.required')}</small>` : nothing}
                ${input.advanced ? html`<small>${t('workflows.advanced')}</small>` : nothing}
              </p>
              <p class="hint">${[rangeText(input), input.help].filter(Boolean).join(' · ')}</p>
            </div>
            <small class="flow-tag">${t(`wizard.type.${input.type}`)}</small>
          </li>`,
        )}
      </ul>
    </section>
  `;
}

/** What an input may be, in a few words. */
function rangeText({ type, min, max, default: given, options }) {
  const isNumber = (type === 'int' || type === 'float') && min !== undefined && max !== undefined;
  const parts = [
    isNumber && t('workflows.range', { min: valueText(min), max: valueText(max) }),
    options?.length && t('workflows.choices', { count: options.length }),
    type === 'seed' && String(given) === '-1' && t('workflows.randomSeed'),
    type === 'resolution' && given && `${given.width} × ${given.height}`,
    ['int', 'float', 'select', 'checkpoint', 'vae'].includes(type) &&
      valueText(given) &&
      t('workflows.default', { value: valueText(given) }),
  ];
  return parts.filter(Boolean).join(', ');
}

function models(listed, readiness) {
  if (!listed.length) return nothing;
  const lacking = new Set(readiness.missing_models.map(({ file }) => file));
  const isKnown = readiness.state !== 'unknown';
  // The embedded engine pretends to have a model: no file need be there.
  const here = t(feed.paintsPlaceholders ? 'workflows.standsIn' : 'workflows.here');
  return html`
    <section class="card" aria-labelledby="flow-models">
      <h2 id="flow-models">${t('workflows.models')}</h2>
      <ul class="rows">
        ${listed.map(
          ({ file, directory, class: type }) => html`<li class="row">
            <div class="row-words">
              <p class="row-title">${file}</p>
              <p class="hint">${directory ? `models/${directory}` : type}</p>
            </div>
            ${isKnown
              ? html`<span class="ready is-${lacking.has(file) ? 'missing' : 'ready'}">
                  <span class="dot"></span>${lacking.has(file) ? t('workflows.notHere') : here}
                </span>`
              : nothing}
          </li>`,
        )}
      </ul>
    </section>
  `;
}

function nodes({ graph, manifest }) {
  const found = nodesOf(graph, manifest);
  const names = new Map(found.map(({ id, title, type }) => [id, title || type]));
  const marked = new Set((manifest.inputs ?? []).flatMap(({ targets = [] }) => targets.map(({ node }) => node)));
  return html`
    <section class="card" aria-labelledby="flow-nodes">
      <h2 id="flow-nodes">${t('workflows.nodes', { count: found.length })}</h2>
      ${graphPicture(found, { marked })}
      <details>
        <summary>${t('workflows.nodeList')}</summary>
        <ul class="rows flow-nodes">
          ${found.map(
            ({ title, type, id, fields, links }) => html`<li class="row">
              <div class="row-words">
                <p class="row-title">${title || type} <small>${title ? type : ''} #${id}</small></p>
                <p class="hint">
                  ${links.map(({ name, from }) => html`<span>${name} ← ${names.get(from)}</span> `)}
                  ${fields.map(({ name, value }) => html`<span>${name}: ${valueText(value).slice(0, 200)}</span> `)}
                </p>
              </div>
            </li>`,
          )}
        </ul>
      </details>
    </section>
  `;
}

customElements.define('workflow-detail', WorkflowDetail);
