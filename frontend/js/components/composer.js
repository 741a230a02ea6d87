import { html, live, nothing } from '../core/element.js';
import { words } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';

const SHAPES = ['square', 'portrait', 'landscape', 'custom'];
const SEED_RANGE = 2 ** 32;
const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
const text = words.create;

/** The prompt box and everything that may be said beside it. */
class PromptComposer extends FormElement {
  constructor() {
    super();
    this.watch(draft);
  }

  firstUpdated() {
    // On a touch screen this would bring up a keyboard that nobody asked for.
    if (matchMedia('(hover: hover)').matches) this.querySelector('textarea').focus();
  }

  updated() {
    const area = this.querySelector('textarea');
    area.rows = Math.min(10, Math.max(3, area.value.split('\n').length + area.value.length / 90));
  }

  render() {
    const { values, offer } = draft;
    const isReady = Boolean(offer?.checkpoints.length) && values.prompt.trim() !== '';
    return html`
      <form
        class="composer card"
        @submit=${(event) => this.submitted(event, () => draft.submit())}
        @keydown=${submitOnEnter}
      >
        <label class="unseen" for="prompt">${text.prompt}</label>
        <textarea
          id="prompt"
          class="prompt"
          rows="3"
          placeholder=${text.placeholder}
          maxlength=${offer?.limits.prompt ?? nothing}
          .value=${live(values.prompt)}
          @input=${({ target }) => draft.set({ prompt: target.value })}
        ></textarea>
        <div class="composer-row">
          ${shapes(values)} ${counts(values, offer)} ${seed(values, offer)}
          <button class="primary" ?disabled=${this.busy || !isReady} title=${shortcut()}>
            ${icon('create')}${this.busy ? text.sending : text.button}
          </button>
        </div>
        ${values.shape === 'custom' ? ownSize(values, offer) : nothing}
        <details class="more">
          <summary>${text.more}</summary>
          ${advanced(values, offer)}
        </details>
        ${this.problem()}
      </form>
    `;
  }
}

const shortcut = () => (IS_MAC ? text.shortcutMac : text.shortcut);

function submitOnEnter(event) {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const button = event.currentTarget.querySelector('button.primary');
  if (!button.disabled) event.currentTarget.requestSubmit();
}

function shapes(values) {
  return html`
    <fieldset class="segments">
      <legend class="unseen">${text.shape}</legend>
      ${SHAPES.map(
        (shape) => html`
          <label title=${text.shapes[shape]}>
            <input
              type="radio"
              name="shape"
              value=${shape}
              .checked=${live(values.shape === shape)}
              @change=${() => draft.set({ shape })}
            />
            ${icon(shape)}<span>${text.shapes[shape]}</span>
          </label>
        `,
      )}
    </fieldset>
  `;
}

function counts(values, offer) {
  const most = Math.min(offer?.limits.count ?? 1, 4);
  return html`
    <label class="compact">
      <span class="unseen">${text.count}</span>
      <select title=${text.count} @change=${({ target }) => draft.set({ count: Number(target.value) })}>
        ${Array.from({ length: most }, (_, index) => index + 1).map(
          (count) => html`<option value=${count} .selected=${values.count === count}>${count}×</option>`,
        )}
      </select>
    </label>
  `;
}

function seed(values, offer) {
  return html`
    <span class="seed">
      <input
        aria-label=${text.seed}
        title=${text.seed}
        inputmode="numeric"
        pattern="[0-9]*"
        placeholder=${text.seedRandom}
        .value=${live(String(values.seed))}
        @input=${({ target }) => draft.set({ seed: digits(target.value, offer) })}
      />
      ${values.seed === ''
        ? html`<button type="button" class="bare" aria-label=${text.dice} title=${text.dice} @click=${roll}>
            ${icon('dice')}
          </button>`
        : html`<button
            type="button"
            class="bare"
            aria-label=${text.noSeed}
            title=${text.noSeed}
            @click=${() => draft.set({ seed: '' })}
          >
            ${icon('close')}
          </button>`}
    </span>
  `;
}

const roll = () => draft.set({ seed: String(Math.floor(Math.random() * SEED_RANGE)) });

function digits(value, offer) {
  const only = value.replace(/\D/g, '');
  return only && offer ? String(Math.min(Number(only), offer.limits.seed)) : only;
}

function ownSize(values, offer) {
  const limits = offer?.limits ?? {};
  const side = (name) =>
    number(name, text[name], values[name], {
      min: limits.min_side,
      max: limits.max_side,
      step: limits.side_step,
      required: true,
    });
  return html`<div class="fields">${side('width')} ${side('height')}</div>`;
}

function number(name, label, value, { placeholder, ...limits }) {
  return html`
    <label class="field">
      <span>${label}</span>
      <input
        type="number"
        .value=${live(String(value))}
        min=${limits.min ?? nothing}
        max=${limits.max ?? nothing}
        step=${limits.step ?? nothing}
        ?required=${limits.required}
        placeholder=${placeholder ?? nothing}
        @input=${({ target }) => draft.set({ [name]: target.value })}
      />
    </label>
  `;
}

function advanced(values, offer) {
  const { limits = {}, defaults = {}, checkpoints = [] } = offer ?? {};
  return html`
    <div class="fields">
      <label class="field full">
        <span>${text.negative}</span>
        <input
          .value=${live(values.negative)}
          maxlength=${limits.prompt ?? nothing}
          @input=${({ target }) => draft.set({ negative: target.value })}
        />
      </label>
      ${checkpoints.length > 1
        ? html`<label class="field full">
            <span>${text.checkpoint}</span>
            <select @change=${({ target }) => draft.set({ checkpoint: target.value })}>
              ${checkpoints.map(
                (name) =>
                  html`<option .selected=${name === draft.checkpoint} value=${name}>${name}</option>`,
              )}
            </select>
          </label>`
        : nothing}
      ${number('steps', text.steps, values.steps, {
        min: 1,
        max: limits.steps,
        placeholder: defaults.steps,
      })}
      ${number('cfg', text.cfg, values.cfg, {
        min: 0,
        max: limits.cfg,
        step: 0.1,
        placeholder: defaults.cfg,
      })}
    </div>
  `;
}

customElements.define('prompt-composer', PromptComposer);
