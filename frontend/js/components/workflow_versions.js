import { Element, html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { address, api } from '../core/api.js';
import { agoText, dateText } from '../core/format.js';
import { notices } from '../models/notices.js';
import { mayChange, pathOf, workflows } from '../models/workflows.js';
import { errorText } from './form.js';
import { differenceList } from './workflow_differences.js';

const FIRST_SHOWN = 8;

/** Every version of a workflow: who saved it and why, what changed, and a way back. */
class WorkflowVersions extends Element {
  static properties = {
    workflow: { attribute: false },
    onChange: { attribute: false },
    items: { state: true },
    error: { state: true },
    isWhole: { state: true },
  };

  willUpdate(changed) {
    if (!changed.has('workflow')) return;
    if (changed.get('workflow')?.id !== this.workflow.id) Object.assign(this, { items: null, compared: null });
    this.#load();
  }

  async #load() {
    const { id } = this.workflow;
    try {
      const { items } = await api.get(pathOf(id, '/versions'));
      if (id === this.workflow.id) this.items = items;
    } catch (error) {
      this.error = error;
    }
  }

  async #compare(from, to) {
    this.compared = { from, to, found: null };
    this.requestUpdate();
    await notices.attempt(async () => {
      const found = await api.get(address(pathOf(this.workflow.id, '/diff'), { from, to }));
      if (this.compared?.from === from && this.compared.to === to) this.compared = { from, to, found };
    });
    this.requestUpdate();
  }

  /** Bring a version back as the newest one; undone the same way. */
  async #restore(number) {
    const { id, head } = this.workflow;
    const bring = async (which, comment) => {
      await api.post(pathOf(id, `/versions/${which}/restore`), { comment });
      await Promise.all([this.onChange(), workflows.load()]);
    };
    await notices.attempt(async () => {
      await bring(number, t('workflows.restoredComment', { number }));
      const undo = () => bring(head, t('workflows.restoredComment', { number: head }));
      notices.undoable(t('workflows.restored', { number }), undo);
    });
  }

  render() {
    const { items, error, workflow } = this;
    const shown = this.isWhole ? items : items?.slice(0, FIRST_SHOWN);
    return html`
      <section class="card" aria-labelledby="flow-versions">
        <h2 id="flow-versions">${t('workflows.versions')}</h2>
        ${workflow.update_available ? this.#update() : nothing} ${error ? errorText(error) : nothing}
        <ol class="rows">
          ${(shown ?? []).map((version) => this.#row(version))}
        </ol>
        ${items && shown.length < items.length
          ? html`<button @click=${() => (this.isWhole = true)}>
              ${t('workflows.allVersions', { count: items.length })}
            </button>`
          : nothing}
        ${items?.length > 1 ? this.#comparison() : nothing}
      </section>
    `;
  }

  /** A newer folder came with an update, and somebody had saved a version of their own. */
  #update() {
    const newest = this.items?.find(({ shipped, number }) => shipped && number !== this.workflow.head);
    if (!newest) return nothing;
    return html`
      <div class="banner is-note">
        <span>${t('workflows.updateHere', { number: newest.number })}</span>
        <button @click=${() => this.#compare(this.workflow.head, newest.number)}>${t('workflows.compare')}</button>
        ${mayChange(this.workflow)
          ? html`<button @click=${() => this.#restore(newest.number)}>${t('workflows.takeUpdate')}</button>`
          : nothing}
      </div>
    `;
  }

  #row({ number, author_name: author, shipped, comment, created_at: at }) {
    const isHead = number === this.workflow.head;
    const who = shipped ? t('workflows.isShipped') : (author ?? t('workflows.somebody'));
    const before = this.items.find((each) => each.number < number);
    return html`
      <li class="row">
        <div class="row-words">
          <p class="row-title">
            ${t('workflows.version', { number })}
            ${isHead ? html`<small class="flag">${t('workflows.current')}</small>` : nothing}
          </p>
          <p class="hint" title=${dateText(at)}>${[comment, who, agoText(at)].filter(Boolean).join(' · ')}</p>
        </div>
        ${before
          ? html`<button
              class="bare"
              aria-label=${t('workflows.whatChanged', { number })}
              @click=${() => this.#compare(before.number, number)}
            >
              ${t('workflows.changes')}
            </button>`
          : nothing}
        ${isHead || !mayChange(this.workflow)
          ? nothing
          : html`<button
              class="bare"
              aria-label=${t('workflows.restore', { number })}
              @click=${() => this.#restore(number)}
            >
              ${t('workflows.bringBack')}
            </button>`}
      </li>
    `;
  }

  #comparison() {
    const { from, to, found } = this.compared ?? {};
    const numbers = this.items.map(({ number }) => number);
    const [newest, previous] = numbers;
    const choose = (label, value, change) => html`
      <label class="field">
        <span>${label}</span>
        <select @change=${({ target }) => change(Number(target.value))}>
          ${numbers.map(
            (each) => html`<option value=${each} .selected=${live(each === value)}>
              ${t('workflows.version', { number: each })}
            </option>`,
          )}
        </select>
      </label>
    `;
    const [one, other] = [from ?? previous, to ?? newest];
    return html`
      <div class="flow-compare">
        <h3>${t('workflows.compareTitle')}</h3>
        <div class="inline">
          ${choose(t('workflows.from'), one, (number) => this.#compare(number, other))}
          ${choose(t('workflows.to'), other, (number) => this.#compare(one, number))}
          ${this.compared
            ? nothing
            : html`<button @click=${() => this.#compare(one, other)}>${t('workflows.compare')}</button>`}
        </div>
        <div role="status">${found ? differenceList(found) : nothing}</div>
      </div>
    `;
  }
}

customElements.define('workflow-versions', WorkflowVersions);
