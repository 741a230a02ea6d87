import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { draft, MOST_COUNT } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { session } from '../models/session.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';
import { inputOf, isTooLong, shortText } from './inputs.js';
import { ask, openChooser, openCode, openSave } from './later.js';

const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
/** Where there is a pointer that hovers, there is a keyboard, and Enter is not the only new line. */
const HAS_KEYBOARD = matchMedia('(hover: hover)');

/** The form of the chosen workflow or preset, and the button that starts it. */
class PromptComposer extends FormElement {
  constructor() {
    super();
    this.watch(draft, feed);
  }

  willUpdate() {
    // That it could not be reached is no longer true.
    if (this.wasAway && !feed.isAway && this.error?.code === 'offline') this.error = null;
    this.wasAway = feed.isAway;
  }

  updated() {
    for (const area of this.querySelectorAll('textarea')) fit(area);
    this.#mark();
    if (this.isMet || !this.#first) return;
    this.isMet = true;
    // On a touch screen this would bring up a keyboard that nobody asked for.
    if (HAS_KEYBOARD.matches) this.#first.focus();
  }

  get #first() {
    return this.querySelector('#prompt');
  }

  render() {
    const { fields } = draft;
    const first = fields.find(({ type }) => type === 'text');
    const plain = fields.filter((field) => field !== first && !field.advanced);
    const advanced = fields.filter((field) => field !== first && field.advanced);
    const changed = advanced.filter((field) => draft.isChanged(field) || draft.varied[field.id]);
    return html`
      <form
        class="composer card"
        novalidate
        @input=${({ target }) => this.#mend(target)}
        @submit=${(event) => this.submitted(event, () => this.#run())}
        @keydown=${(event) => this.#onKey(event)}
      >
        ${this.#source()}
        ${fields.length
          ? html`
              <div class="inputs">
                ${first ? inputOf(first, { isFirst: true }) : nothing} ${plain.map((field) => inputOf(field))}
              </div>
              ${advanced.length
                ? html`<details class="more">
                    <summary>
                      ${t('create.more')}
                      ${changed.length ? html`<span class="changed">${changed.map(said).join(' · ')}</span>` : nothing}
                    </summary>
                    <div class="inputs">${advanced.map((field) => inputOf(field))}</div>
                  </details>`
                : nothing}
            `
          : draft.problem
            ? nothing
            : html`<div class="skeleton" aria-hidden="true"></div>`}
        <varied-answers></varied-answers>
        ${this.#bar()}
      </form>
    `;
  }

  #source() {
    const { workflow, preset } = draft;
    const name = preset?.name ?? workflow?.name ?? '';
    return html`
      <div class="source">
        <button type="button" class="source-name" aria-haspopup="dialog" @click=${openChooser}>
          ${coverOf(preset)}
          <span>
            <b>${draft.isEdited ? t('create.changed', { name }) : name || '…'}</b>
            <small>${preset ? (workflow?.name ?? '') : (workflow?.base_model ?? '')}</small>
          </span>
          ${icon('unfold')}
        </button>
        <menu-button label=${t('create.menu')} .items=${this.#items()}></menu-button>
      </div>
    `;
  }

  #items() {
    const { preset, workflow } = draft;
    const isOwn = preset?.editable;
    return [
      isOwn && { label: t('create.saveChanges'), icon: 'check', run: () => openSave(preset) },
      { label: t('create.saveAs'), icon: 'presets', run: () => openSave(null) },
      { label: t('create.resetAll'), icon: 'again', run: () => draft.resetAll() },
      preset && { label: t('create.code'), icon: 'copy', run: () => openCode(preset) },
      { label: t('shell.views.batch'), icon: 'vary', href: '#/batch' },
      preset && { label: t('create.leavePreset'), icon: 'close', run: () => draft.choose(draft.workflowId) },
      workflow && session.can('graphs:run') && {
        label: t('create.editWorkflow'),
        icon: 'editor',
        href: `#/workflows/${encodeURIComponent(workflow.id)}`,
      },
    ];
  }

  #bar() {
    const { size, count } = draft;
    const why = feed.isAway ? t('shell.offline') : draft.lacks ? t('create.lacks') : '';
    return html`
      <div class="run-bar">
        ${this.problem()}
        ${why ? html`<p class="hint" id="run-why">${why}</p>` : nothing}
        <label class="count" title=${t('create.countHelp')}>
          <span class="unseen">${t('create.count')}</span>
          <span aria-hidden="true">×</span>
          <input
            type="number"
            inputmode="numeric"
            min="1"
            max=${MOST_COUNT}
            .value=${String(count)}
            @change=${({ target }) => {
              draft.setCount(target.valueAsNumber);
              target.value = String(draft.count);
            }}
          />
        </label>
        <button
          class="primary"
          ?disabled=${this.busy || !draft.workflow}
          aria-disabled=${why ? 'true' : nothing}
          aria-describedby=${why ? 'run-why' : nothing}
          title=${why ? nothing : shortcut()}
        >
          ${icon('create')}${this.busy ? t('create.sending') : size > 1 ? t('create.buttonMany', { count: size }) : t('create.button')}
        </button>
      </div>
    `;
  }

  async #run() {
    this.refused = null;
    if (feed.isAway) return;
    if (draft.lacks) return this.dispatchEvent(new Event('lacking', { bubbles: true }));
    const [missing] = draft.missing;
    const over = draft.fields.find((field) => isTooLong(draft.value(field)));
    if (missing || over) {
      this.#show(missing ?? over);
      throw { code: missing ? 'needed' : 'too_long', message: t(missing ? 'create.needed' : 'create.over', { name: (missing ?? over).name }) };
    }
    const answers = draft.texts.some((text) => JSON.stringify(text ?? '').includes('[[')) ? await ask() : {};
    if (!answers) return;
    try {
      const { submit } = await import('../models/orders.js');
      const batch = await submit(answers);
      if (batch) router.go(`batch/${batch}`);
      else this.dispatchEvent(new Event('sent', { bubbles: true }));
    } catch (error) {
      this.#show(draft.field(fieldIn(error)));
      throw error;
    }
  }

  /** Lead to a field that something is wrong with. */
  #show(field) {
    if (!field) return;
    this.refused = field.id;
    const folded = this.#placeOf(field.id)?.closest('details');
    if (folded) folded.open = true;
    this.#controlOf(field.id)?.focus();
  }

  #placeOf(id) {
    return this.querySelector(`[data-input="${CSS.escape(id)}"]`);
  }

  #controlOf(id) {
    return document.getElementById(`input-${id}`) ?? this.#placeOf(id)?.querySelector('input, textarea, select, button:not(.tool)');
  }

  /** The field that was refused says so, to eyes and ears. */
  #mark() {
    for (const each of this.querySelectorAll('[aria-invalid]')) each.removeAttribute('aria-invalid');
    const control = this.refused && this.error && this.#controlOf(this.refused);
    if (control && !control.matches('button')) control.setAttribute('aria-invalid', 'true');
  }

  /** What is written into the field that was refused may have mended it. */
  #mend(target) {
    if (!this.refused || !this.#placeOf(this.refused)?.contains(target)) return;
    this.refused = null;
    this.error = null;
    this.requestUpdate();
  }

  #onKey(event) {
    if (event.key !== 'Enter' || event.isComposing) return;
    const isFirst = event.target === this.#first && HAS_KEYBOARD.matches && !event.shiftKey && !event.altKey;
    if (!isFirst && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    if (!this.querySelector('.run-bar .primary').disabled) event.currentTarget.requestSubmit();
  }
}

/** The input that a refusal names: by itself, or with a place in it as in `loras[0].strength`. */
const fieldIn = ({ details }) => details?.input ?? /^\w+/.exec(details?.where ?? '')?.[0];

/** What is hidden among the further choices and not as it is without a choice. */
const said = (field) =>
  draft.varied[field.id]
    ? t('create.said', { name: field.name, value: draft.varied[field.id].values.map(shortText).join(', ') })
    : t('create.said', { name: field.name, value: shortText(draft.value(field)) });

function coverOf(preset) {
  if (!preset?.cover) return html`<span class="cover">${icon(preset ? 'presets' : 'create')}</span>`;
  return html`<img class="cover" src=${coverUrl(preset)} alt="" />`;
}

/** A preset's cover; a newer one has another address. */
export const coverUrl = (preset) => `/api/presets/${preset.id}/cover?v=${preset.cover}`;

const shortcut = () => (IS_MAC ? t('create.shortcutMac') : t('create.shortcut'));

function fit(area) {
  const lines = area.value.split('\n').length + area.value.length / 60;
  area.rows = Math.min(12, Math.max(area.id === 'prompt' ? 3 : 2, Math.ceil(lines)));
}

customElements.define('prompt-composer', PromptComposer);
