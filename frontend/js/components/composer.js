import { html, live, nothing } from '../core/element.js';
import { words } from '../core/messages.js';
import { draft, lengthOf } from '../models/draft.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';

const SHAPES = ['square', 'portrait', 'landscape', 'custom'];
/** From this part of the limit on it is said how long a text is. */
const NEARLY = 0.9;
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
    const isReady =
      Boolean(offer?.checkpoints.length) && values.prompt.trim() !== '' && !draft.isTooLong;
    const changed = changedOf(values, offer);
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
          aria-describedby="prompt-length"
          .value=${live(values.prompt)}
          @input=${({ target }) => draft.set({ prompt: target.value })}
        ></textarea>
        ${lengthNote('prompt-length', values.prompt, offer)}
        <div class="composer-row">
          ${shapes(values)} ${counts(values, offer)} ${seed(values, offer)}
          <button class="primary" ?disabled=${this.busy || !isReady} title=${shortcut()}>
            ${icon('create')}${this.busy ? text.sending : text.button}
          </button>
        </div>
        ${values.shape === 'custom' ? ownSize(values, offer) : nothing}
        <details class="more">
          <summary>
            ${text.more} ${changed.length ? html`<span class="changed">${changed.join(' · ')}</span>` : nothing}
          </summary>
          ${advanced(values, offer)}
        </details>
        ${this.problem()}
      </form>
    `;
  }
}

/** What is hidden among the further choices and not as it is without a choice. */
function changedOf(values, offer) {
  const { defaults = {}, checkpoints = [] } = offer ?? {};
  const isOwn = (name) => values[name] !== '' && Number(values[name]) !== defaults[name];
  return [
    isOwn('steps') && text.changed.steps(values.steps),
    isOwn('cfg') && text.changed.cfg(values.cfg),
    values.seed !== '' && text.changed.seed(values.seed),
    checkpoints.length > 1 && draft.checkpoint !== checkpoints[0] && draft.checkpoint,
    values.negative.trim() && text.changed.negative(values.negative.trim()),
  ].filter(Boolean);
}

/** How long a text is, once that may come to matter; nothing of it is ever cut off. */
function lengthNote(id, value, offer) {
  const limit = offer?.limits.prompt ?? Infinity;
  const length = lengthOf(value);
  if (length < limit * NEARLY) return nothing;
  const over = length - limit;
  return html`
    <span id=${id} class="hint length ${over > 0 ? 'is-over' : ''}" role="status">
      ${over > 0 ? text.tooLong(over, limit) : text.length(length, limit)}
    </span>
  `;
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
          @input=${({ target }) => draft.set({ negative: target.value })}
        />
        ${lengthNote('negative-length', values.negative, offer)}
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
