import { Element, html, live, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { api } from '../core/api.js';
import { declaredOf, inputFor, valueText } from '../models/nodes.js';
import { notices } from '../models/notices.js';
import { wizard } from '../models/wizard.js';
import { icon } from './icons.js';
import { removeInput } from './input_list.js';

const MOST_SHOWN = 200;
const MOST_LETTERS = 160;
/** Blocks of a dynamic workflow write expressions there themselves. */
const EXPRESSION = /\{\{/;

/** What node classes take, as the engines say; kept, since it changes only with them. */
const classes = new Map();

function classInfo(type) {
  if (!classes.has(type)) {
    const path = `/api/system/object_info/${encodeURIComponent(type)}`;
    const found = api.get(path).then(
      (answer) => answer[type],
      () => {
        // No engine, or none that has it: the value itself says enough for a start.
        classes.delete(type);
        return null;
      },
    );
    classes.set(type, found);
  }
  return classes.get(type);
}

/** Every node and its fields; a press on a field makes it something that is asked for. */
class NodeList extends Element {
  constructor() {
    super();
    this.watch(wizard);
    this.query = '';
    this.shownId = null;
  }

  /** Go to a node. */
  async show(id) {
    this.shownId = id;
    if (!this.#found().some((node) => node.id === id)) this.query = '';
    this.requestUpdate();
    await this.updateComplete;
    const row = [...this.querySelectorAll('.node')].find((each) => each.dataset.node === id);
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }

  #found() {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return wizard.nodes;
    const text = ({ id, title, type, fields }) =>
      [id, title, type, ...fields.flatMap(({ name, value }) => [name, valueText(value)])].join(' ').toLowerCase();
    return wizard.nodes.filter((node) => words.every((word) => text(node).includes(word)));
  }

  render() {
    const { nodes } = wizard;
    const found = this.#found();
    const names = new Map(nodes.map(({ id, title, type }) => [id, title || type]));
    return html`
      <section class="card" aria-labelledby="nodes">
        <h2 id="nodes">${t('workflows.nodes', { count: nodes.length })}</h2>
        <p class="hint">${t('wizard.nodesHelp')}</p>
        <label class="flow-search">
          <span class="unseen">${t('wizard.searchNodes')}</span>
          ${icon('search')}
          <input
            type="search"
            placeholder=${t('wizard.searchNodes')}
            .value=${live(this.query)}
            @input=${({ target }) => {
              this.query = target.value;
              this.requestUpdate();
            }}
          />
        </label>
        <ul class="node-list">
          ${repeat(found.slice(0, MOST_SHOWN), ({ id }) => id, (node) => this.#node(node, names))}
        </ul>
        ${found.length > MOST_SHOWN
          ? html`<p class="hint">${t('wizard.moreNodes', { count: found.length - MOST_SHOWN })}</p>`
          : nothing}
        ${found.length ? nothing : html`<p class="hint" role="status">${t('workflows.nothing')}</p>`}
      </section>
    `;
  }

  #node(node, names) {
    const { id, title, type, links, fields } = node;
    return html`
      <li class="node ${id === this.shownId ? 'is-shown' : ''}" data-node=${id} tabindex="-1">
        <h3>${title || type} <small>${title && title !== type ? type : ''} #${id}</small></h3>
        ${links.length
          ? html`<p class="hint">${links.map(({ name, from }) => `${name} ← ${names.get(from)}`).join(', ')}</p>`
          : nothing}
        ${fields.length
          ? html`<ul class="node-fields">
              ${fields.map((field) => html`<li>${this.#field(node, field)}</li>`)}
            </ul>`
          : nothing}
      </li>
    `;
  }

  #field(node, field) {
    const text = valueText(field.value);
    const at = wizard.indexOf(node, field.name);
    const shown = text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text;
    return html`<button
      class="node-field"
      aria-pressed=${at >= 0 ? 'true' : 'false'}
      ?disabled=${EXPRESSION.test(text)}
      @click=${() => (at >= 0 ? removeInput(at) : this.#add(node, field))}
    >
      ${icon(at >= 0 ? 'check' : 'plus')}<span class="node-name">${field.name}</span>
      <span class="node-value">${shown}</span>
    </button>`;
  }

  async #add(node, field) {
    const info = await classInfo(node.type);
    if (!wizard.isOpen || wizard.indexOf(node, field.name) >= 0) return;
    const taken = new Set(wizard.inputs.map(({ id }) => id));
    const input = inputFor(node, field, declaredOf(info, field.name), taken);
    const { inputs } = wizard;
    wizard.setInputs([...inputs, input]);
    const show = { label: t('wizard.look'), run: () => document.querySelector('input-list')?.show(inputs.length) };
    notices.say(t('wizard.added', { name: input.name }), { action: show });
  }
}

customElements.define('node-list', NodeList);
