import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { notices } from '../models/notices.js';
import { openDialog } from './dialog.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';
import './prompt_help.js';

/** Saved prompts and word lists for a field of text. */
class SavedPrompts extends FormElement {
  static properties = {
    field: { attribute: false },
    onDone: { attribute: false },
    query: { state: true },
    editing: { state: true },
  };

  constructor() {
    super();
    this.prompts = null;
    this.lists = [];
    this.query = '';
    /** The word list that is written at the moment: {name, text, isNew}. */
    this.editing = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  get kind() {
    return /neg/i.test(`${this.field.id} ${this.field.name}`) ? 'negative' : 'positive';
  }

  async #load() {
    await notices.attempt(async () => {
      const [prompts, lists] = await Promise.all([api.get('/api/prompts'), api.get('/api/wildcards')]);
      this.prompts = prompts.items;
      this.lists = lists.items;
    });
    this.requestUpdate();
  }

  render() {
    const present = draft.value(this.field);
    const wanted = this.query.trim().toLowerCase();
    const shown = (this.prompts ?? [])
      .filter(({ name, text, tags }) => [name, text, ...tags].join(' ').toLowerCase().includes(wanted))
      .sort((a, b) => (b.kind === this.kind) - (a.kind === this.kind) || a.name.localeCompare(b.name));
    return html`
      <h2>${t('making.prompts')}</h2>
      <prompt-help
        .field=${this.field}
        .onUse=${(text) => this.#take(text)}
        .onLeave=${() => this.onDone()}
      ></prompt-help>
      ${this.prompts?.length
        ? html`<label class="search">
            <span class="unseen">${t('making.searchPrompts')}</span>${icon('search')}
            <input
              type="search"
              placeholder=${t('making.searchPrompts')}
              @input=${({ target }) => (this.query = target.value)}
            />
          </label>`
        : html`<p class="hint">${t('making.noPrompts')}</p>`}
      <ul class="rows">
        ${shown.map((prompt) => this.#row(prompt))}
      </ul>
      ${present.trim()
        ? html`<form class="with-button" @submit=${(event) => this.submitted(event, (given) => this.#save(given, present))}>
            <input name="name" required maxlength="100" aria-label=${t('making.promptName')} placeholder=${t('making.promptName')} />
            <button ?disabled=${this.busy}>${icon('check')}${t('making.saveText')}</button>
          </form>`
        : nothing}
      ${this.problem()}
      <details class="lists">
        <summary>${t('making.lists')}</summary>
        <p class="hint">${t('making.listsHelp')}</p>
        <div class="chips">
          ${this.lists.map(
            (list) => html`<span class="chip">
              <button type="button" class="bare" @click=${() => this.#insert(`__${list.name}__`)}>__${list.name}__</button>
              <button
                type="button"
                class="bare tool"
                aria-label=${t('making.editList', { name: list.name })}
                @click=${() => this.#edit(list.name)}
              >
                ${icon('use')}
              </button>
            </span>`,
          )}
          <button type="button" @click=${() => (this.editing = { name: '', text: '', isNew: true })}>
            ${icon('plus')}${t('making.newList')}
          </button>
        </div>
        ${this.editing ? this.#list() : nothing}
      </details>
    `;
  }

  #row(prompt) {
    const remove = () =>
      notices.attempt(async () => {
        const { id, shared: _shared, ...rest } = prompt;
        await api.remove(`/api/prompts/${id}`);
        await this.#load();
        notices.undoable(t('making.promptDeleted', { name: prompt.name }), async () => {
          const { name, kind, text, tags } = rest;
          await api.post('/api/prompts', { name, kind, text, tags, shared: prompt.shared });
          await this.#load();
        });
      });
    return html`
      <li class="row">
        <button type="button" class="row-words prompt-row" @click=${() => this.#take(prompt.text)}>
          <b>${prompt.name}</b><small>${prompt.text}</small>
        </button>
        <button type="button" class="bare tool" aria-label=${t('making.append', { name: prompt.name })} title=${t('making.append', { name: prompt.name })} @click=${() => this.#insert(prompt.text)}>
          ${icon('plus')}
        </button>
        <button type="button" class="bare tool" aria-label=${t('making.deletePrompt', { name: prompt.name })} @click=${remove}>
          ${icon('remove')}
        </button>
      </li>
    `;
  }

  async #edit(name) {
    await notices.attempt(async () => {
      const { text } = await api.get(`/api/wildcards/${encodeURIComponent(name)}`);
      this.editing = { name, text, isNew: false };
    });
  }

  #list() {
    const { editing } = this;
    const path = (name) => `/api/wildcards/${encodeURIComponent(name)}`;
    const save = async ({ name = editing.name, text }) => {
      await api.put(path(name), { text });
      this.editing = null;
      await this.#load();
    };
    const remove = () =>
      notices.attempt(async () => {
        await api.remove(path(editing.name));
        this.editing = null;
        await this.#load();
      });
    return html`
      <form class="list-form" @submit=${(event) => this.submitted(event, save)}>
        ${editing.isNew
          ? html`<input name="name" required pattern="[A-Za-z0-9]+([\\-_][A-Za-z0-9]+)*" aria-label=${t('making.listName')} placeholder=${t('making.listName')} />`
          : html`<b>__${editing.name}__</b>`}
        <textarea name="text" rows="6" required aria-label=${t('making.lines')} placeholder=${t('making.lines')} .value=${editing.text}></textarea>
        <div class="dialog-actions">
          ${editing.isNew ? nothing : html`<button type="button" @click=${remove}>${icon('remove')}${t('shell.remove')}</button>`}
          <button type="button" @click=${() => (this.editing = null)}>${t('shell.cancel')}</button>
          <button class="primary">${t('making.save')}</button>
        </div>
      </form>
    `;
  }

  async #save({ name }, text) {
    await api.post('/api/prompts', { name, kind: this.kind, text });
    await this.#load();
  }

  #take(text) {
    draft.set(this.field.id, text);
    this.onDone();
  }

  #insert(text) {
    const present = draft.value(this.field).trimEnd();
    this.#take(present ? `${present}${/[,.:;]$/.test(present) ? ' ' : ', '}${text}` : text);
  }
}

customElements.define('saved-prompts', SavedPrompts);

export function openPrompts(field) {
  openDialog({
    label: t('making.prompts'),
    content: (close) => html`<saved-prompts .field=${field} .onDone=${close}></saved-prompts>`,
  });
}
