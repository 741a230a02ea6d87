import { Element, html, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { wizard } from '../models/wizard.js';
import { icon } from './icons.js';
import { inputEditor } from './input_editor.js';

/** What a workflow asks for, in its order; one at a time is open. */
class InputList extends Element {
  constructor() {
    super();
    this.watch(wizard);
    this.openId = null;
  }

  /** Open one and go there. */
  async show(index) {
    this.openId = wizard.inputs[index]?.id ?? null;
    this.requestUpdate();
    await this.updateComplete;
    const row = this.querySelectorAll('.input-row')[index];
    row?.scrollIntoView({ block: 'nearest' });
    row?.querySelector('.input-open').focus({ preventScroll: true });
  }

  render() {
    const { inputs } = wizard;
    return html`
      <section class="card" aria-labelledby="inputs">
        <h2 id="inputs">${t('wizard.inputs')} <small>${inputs.length}</small></h2>
        <p class="hint">${t(inputs.length ? 'wizard.inputsHelp' : 'wizard.noInputs')}</p>
        <ol class="input-list">
          ${repeat(inputs, (input, index) => `${index} ${input.type}`, (input, index) => this.#row(input, index))}
        </ol>
      </section>
    `;
  }

  #row(input, index) {
    const isOpen = input.id === this.openId;
    const problems = wizard.problemsOf(index);
    const name = input.name || input.id;
    const toggle = () => {
      this.openId = isOpen ? null : input.id;
      this.requestUpdate();
    };
    // Its id may be changed while it is open.
    const change = (facts) => {
      if (facts.id !== undefined && isOpen) this.openId = facts.id;
      wizard.setInput(index, facts);
    };
    return html`
      <li class="input-row ${isOpen ? 'is-open' : ''} ${problems.length ? 'is-wrong' : ''}">
        <div class="asked-head" @keydown=${(event) => this.#onKey(event, index)}>
          <button class="input-open" aria-expanded=${isOpen ? 'true' : 'false'} @click=${toggle}>
            ${icon(isOpen ? 'unfold' : 'right')}
            <span class="row-words">
              <span class="row-title">
                ${name} ${input.required ? html`<small class="flag">${t('workflows.required')}</small>` : nothing}
                ${input.advanced ? html`<small>${t('workflows.advanced')}</small>` : nothing}
              </span>
              <span class="hint">${targetsText(input)}</span>
            </span>
            <small class="flow-tag">${t(`wizard.type.${input.type}`)}</small>
          </button>
          ${this.#mover(index, -1, 'earlier', 'wizard.up', name)} ${this.#mover(index, 1, 'later', 'wizard.down', name)}
          <button class="bare" aria-label=${t('wizard.removeInput', { name })} @click=${() => removeInput(index)}>
            ${icon('remove')}
          </button>
        </div>
        ${problems.map((problem) => html`<p class="error-text" role="alert">${problem}</p>`)}
        ${isOpen ? inputEditor(input, change) : nothing}
      </li>
    `;
  }

  #mover(index, by, symbol, label, name) {
    const to = index + by;
    return html`<button
      class="bare mover"
      ?disabled=${to < 0 || to >= wizard.inputs.length}
      aria-label=${t(label, { name })}
      @click=${() => this.#move(index, by)}
    >
      ${icon(symbol)}
    </button>`;
  }

  async #move(index, by) {
    wizard.move(index, by);
    await this.updateComplete;
    const head = this.querySelectorAll('.asked-head')[index + by];
    const movers = [...head.querySelectorAll('.mover')];
    const same = movers[by < 0 ? 0 : 1];
    (same.disabled ? movers.find((each) => !each.disabled) : same)?.focus();
  }

  /** Alt and an arrow move the input that has the focus. */
  #onKey(event, index) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || !event.altKey) return;
    event.preventDefault();
    const to = index + by;
    if (to < 0 || to >= wizard.inputs.length) return;
    wizard.move(index, by);
    this.updateComplete.then(() => this.querySelectorAll('.input-open')[to].focus());
  }
}

const targetsText = ({ targets = [] }) =>
  targets.map(({ title, class: type, node, input }) => [title || type || node, input].filter(Boolean).join(' · ')).join(', ');

/** Take an input out; it can be put back where it was. */
export function removeInput(index) {
  const input = wizard.inputs[index];
  const { id } = wizard;
  wizard.setInputs(wizard.inputs.filter((_, place) => place !== index));
  notices.undoable(t('wizard.removed', { name: input.name || input.id }), () => {
    // By then it may be another workflow that is open.
    if (wizard.isOpen && wizard.id === id) wizard.setInputs(wizard.inputs.toSpliced(index, 0, input));
  });
}

customElements.define('input-list', InputList);
