import { Element, html, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { presets } from '../models/presets.js';
import { listed } from '../models/workflows.js';
import { coverUrl } from './composer.js';
import { openDialog } from './dialog.js';
import { errorText } from './form.js';
import { icon } from './icons.js';
import { openCode, openEdit } from './preset_dialogs.js';
import { mayShare, share } from './share.js';

/** Presets and workflows as cards, to begin with one of them. */
class FormChooser extends Element {
  static properties = { onChosen: { attribute: false }, query: { state: true }, error: { state: true } };

  constructor() {
    super();
    this.query = '';
    this.workflows = null;
    this.error = null;
    this.watch(presets, feed);
  }

  firstUpdated() {
    this.querySelector('[autofocus]')?.focus();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    try {
      const [{ items }] = await Promise.all([listed(), presets.load()]);
      this.workflows = items;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  render() {
    const wanted = this.query.trim().toLowerCase().split(/\s+/);
    const fits = ({ name, description, tags, base_model: model = '' }) => {
      const text = [name, description, model, ...tags].join(' ').toLowerCase();
      return wanted.every((word) => text.includes(word));
    };
    const shownPresets = (presets.items ?? []).filter(fits);
    // What runs at once stands before what lacks something.
    const isUnready = ({ readiness }) => readiness.state === 'missing';
    const workflows = (this.workflows ?? []).filter(fits).sort((a, b) => isUnready(a) - isUnready(b));
    const sizeOf = (group) => workflows.filter((each) => each.group === group).length;
    const groups = [...new Set(workflows.map(({ group }) => group))].sort((a, b) => sizeOf(b) - sizeOf(a));
    const isEmpty = this.workflows && !shownPresets.length && !workflows.length;
    return html`
      <header class="chooser-head">
        <label class="search">
          <span class="unseen">${t('making.search')}</span>
          ${icon('search')}
          <input
            type="search"
            placeholder=${t('making.search')}
            autofocus
            @input=${({ target }) => (this.query = target.value)}
            @keydown=${(event) => this.#onKey(event)}
          />
        </label>
        <label class="button">
          ${icon('upload')}<span>${t('making.importPreset')}</span>
          <input class="unseen" type="file" accept=".json,application/json" @change=${({ target }) => this.#import(target)} />
        </label>
        <button class="bare" aria-label=${t('shell.close')} @click=${() => this.onChosen()}>${icon('close')}</button>
      </header>
      ${this.error ? errorText(this.error) : nothing}
      ${this.workflows || this.error ? nothing : html`<div class="skeleton" aria-hidden="true"></div>`}
      ${shownPresets.length
        ? html`<h2>${t('making.presets')}</h2>
            <ul class="cards">
              ${repeat(shownPresets, ({ id }) => id, (preset) => this.#preset(preset))}
            </ul>`
        : this.workflows && !this.query && !presets.items?.length
          ? html`<p class="hint">${t('making.noPresets')}</p>`
          : nothing}
      ${groups.map(
        (group) => html`
          <h2>${group || t('making.workflows')}</h2>
          <ul class="cards">
            ${repeat(
              workflows.filter((each) => each.group === group),
              ({ id }) => id,
              (workflow) => this.#workflow(workflow),
            )}
          </ul>
        `,
      )}
      ${isEmpty ? html`<p class="hint">${t('making.nothing', { text: this.query })}</p>` : nothing}
    `;
  }

  #nameOf(workflowId) {
    return this.workflows?.find(({ id }) => id === workflowId)?.name ?? '';
  }

  #preset(preset) {
    const attempt = (run) => () => notices.attempt(run);
    const items = [
      { label: t('making.duplicate'), icon: 'copy', run: attempt(() => presets.duplicate(preset)) },
      { label: t('making.code'), icon: 'editor', run: () => openCode(preset) },
      { label: t('making.export'), icon: 'download', run: attempt(() => presets.exportFile(preset)) },
      mayShare() && {
        label: t('making.shareLink'),
        icon: 'link',
        run: attempt(() => share({ kind: 'preset', target: preset.id, name: preset.name })),
      },
      preset.editable && { label: t('making.edit'), icon: 'use', run: () => openEdit(preset) },
      preset.editable && {
        label: t('making.delete'),
        icon: 'remove',
        run: attempt(() => presets.remove(preset)),
      },
    ];
    return html`
      <li class="choice ${draft.preset?.id === preset.id ? 'is-here' : ''}">
        <button class="choice-main" @click=${() => this.#choose(() => draft.choosePreset(preset))}>
          ${preset.cover
            ? html`<img class="cover" src=${coverUrl(preset)} alt="" loading="lazy" />`
            : html`<span class="cover">${icon('presets')}</span>`}
          <span class="choice-words">
            <b>${preset.name}</b>
            <small>${preset.description || this.#nameOf(preset.workflow_id)}</small>
            <span class="choice-facts">
              ${preset.rating ? html`<span aria-label=${t('making.stars', { count: preset.rating })}>${'★'.repeat(preset.rating)}</span>` : nothing}
              ${preset.shared ? html`<span>${preset.editable ? t('making.shared') : preset.owner.name}</span>` : nothing}
              ${preset.questions.length ? html`<span>${t('making.asks', { count: preset.questions.length })}</span>` : nothing}
              ${preset.tags.map((tag) => html`<span class="tag">${tag}</span>`)}
            </span>
          </span>
        </button>
        <menu-button label=${t('making.menuOf', { name: preset.name })} .items=${items}></menu-button>
      </li>
    `;
  }

  #workflow(workflow) {
    const { state, missing_models: models, missing_nodes: nodes } = workflow.readiness;
    const isHere = !draft.preset && draft.workflowId === workflow.id;
    return html`
      <li class="choice ${isHere ? 'is-here' : ''} ${state === 'missing' ? 'is-unready' : ''}">
        <button class="choice-main" @click=${() => this.#choose(() => draft.choose(workflow.id))}>
          <span class="cover is-${workflow.category}">${icon(coverOf(workflow.category))}</span>
          <span class="choice-words">
            <b>${workflow.name}</b>
            <small>${workflow.description}</small>
            <span class="choice-facts">
              ${workflow.base_model ? html`<span class="tag">${workflow.base_model}</span>` : nothing}
              ${state === 'missing'
                ? html`<span class="tag is-warning">
                    ${nodes && feed.paintsPlaceholders
                      ? t('making.needsComfyUI')
                      : models
                        ? t('making.missingModels', { count: models })
                        : t('making.missingNodes', { count: nodes })}
                  </span>`
                : nothing}
            </span>
          </span>
        </button>
      </li>
    `;
  }

  #choose(run) {
    this.onChosen(run);
  }

  /** Enter takes the first card that is left, Down leads to it. */
  #onKey(event) {
    const first = this.querySelector('.choice-main');
    if (!first || event.isComposing || !['Enter', 'ArrowDown'].includes(event.key)) return;
    event.preventDefault();
    if (event.key === 'Enter') first.click();
    else first.focus();
  }

  async #import(input) {
    const [file] = input.files;
    if (file) await notices.attempt(() => presets.importFile(file));
    input.value = '';
  }
}

const COVERS = { tools: 'swap', upscale: 'custom', inpainting: 'brush' };
const coverOf = (category) => COVERS[category] ?? (category.includes('video') ? 'play' : 'library');

export async function openChooser() {
  let run = null;
  const { closed } = openDialog({
    label: t('making.chooser'),
    className: 'is-wide chooser',
    content: (close) =>
      html`<form-chooser
        .onChosen=${(chosen) => {
          run = chosen ?? null;
          close();
        }}
      ></form-chooser>`,
  });
  await closed;
  if (run) await notices.attempt(run);
}

customElements.define('form-chooser', FormChooser);
