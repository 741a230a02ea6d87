import { html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft, lengthOf } from '../models/draft.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';

const SHAPES = ['square', 'portrait', 'landscape', 'custom'];
/** From this part of the limit on it is said how long a text is. */
const NEARLY = 0.9;
const SEED_RANGE = 2 ** 32;
const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

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
        <label class="unseen" for="prompt">${t('create.prompt')}</label>
        <textarea
          id="prompt"
          class="prompt"
          rows="3"
          placeholder=${t('create.placeholder')}
          aria-describedby="prompt-length"
          .value=${live(values.prompt)}
          @input=${({ target }) => draft.set({ prompt: target.value })}
        ></textarea>
        ${lengthNote('prompt-length', values.prompt, offer)}
        <div class="composer-row">
          ${shapes(values)} ${counts(values, offer)} ${seed(values, offer)}
          <button class="primary" ?disabled=${this.busy || !isReady} title=${shortcut()}>
            ${icon('create')}${this.busy ? t('create.sending') : t('create.button')}
          </button>
        </div>
        ${values.shape === 'custom' ? ownSize(values, offer) : nothing}
        <details class="more">
          <summary>
            ${t('create.more')} ${changed.length ? html`<span class="changed">${changed.join(' · ')}</span>` : nothing}
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
    isOwn('steps') && t('create.changed.steps', { steps: values.steps }),
    isOwn('cfg') && t('create.changed.cfg', { cfg: values.cfg }),
    values.seed !== '' && t('create.changed.seed', { seed: String(values.seed) }),
    checkpoints.length > 1 && draft.checkpoint !== checkpoints[0] && draft.checkpoint,
    values.negative.trim() && t('create.changed.negative', { text: shortened(values.negative.trim()) }),
  ].filter(Boolean);
}

const shortened = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);

/** How long a text is, once that may come to matter; nothing of it is ever cut off. */
function lengthNote(id, value, offer) {
  const limit = offer?.limits.prompt ?? Infinity;
  const length = lengthOf(value);
  if (length < limit * NEARLY) return nothing;
  const over = length - limit;
  return html`
    <span id=${id} class="hint length ${over > 0 ? 'is-over' : ''}" role="status">
      ${over > 0 ? t('create.tooLong', { count: over, limit }) : t('create.length', { length, limit })}
    </span>
  `;
}

const shortcut = () => (IS_MAC ? t('create.shortcutMac') : t('create.shortcut'));

function submitOnEnter(event) {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const button = event.currentTarget.querySelector('button.primary');
  if (!button.disabled) event.currentTarget.requestSubmit();
}

function shapes(values) {
  return html`
    <fieldset class="segments">
      <legend class="unseen">${t('create.shape')}</legend>
      ${SHAPES.map(
        (shape) => html`
          <label title=${t(`create.shapes.${shape}`)}>
            <input
              type="radio"
              name="shape"
              value=${shape}
              aria-label=${t(`create.shapes.${shape}`)}
              .checked=${live(values.shape === shape)}
              @change=${() => draft.set({ shape })}
            />
            ${icon(shape)}<span>${t(`create.shapes.${shape}`)}</span>
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
      <span class="unseen">${t('create.count')}</span>
      <select title=${t('create.count')} @change=${({ target }) => draft.set({ count: Number(target.value) })}>
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
        aria-label=${t('create.seed')}
        title=${t('create.seed')}
        inputmode="numeric"
        pattern="[0-9]*"
        placeholder=${t('create.seedRandom')}
        .value=${live(String(values.seed))}
        @input=${({ target }) => draft.set({ seed: digits(target.value, offer) })}
      />
      ${values.seed === ''
        ? html`<button type="button" class="bare" aria-label=${t('create.dice')} title=${t('create.dice')} @click=${roll}>
            ${icon('dice')}
          </button>`
        : html`<button
            type="button"
            class="bare"
            aria-label=${t('create.noSeed')}
            title=${t('create.noSeed')}
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
    number(name, t(`create.${name}`), values[name], {
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
        <span>${t('create.negative')}</span>
        <input
          .value=${live(values.negative)}
          @input=${({ target }) => draft.set({ negative: target.value })}
        />
        ${lengthNote('negative-length', values.negative, offer)}
      </label>
      ${checkpoints.length > 1
        ? html`<label class="field full">
            <span>${t('create.checkpoint')}</span>
            <select @change=${({ target }) => draft.set({ checkpoint: target.value })}>
              ${checkpoints.map(
                (name) =>
                  html`<option .selected=${name === draft.checkpoint} value=${name}>${name}</option>`,
              )}
            </select>
          </label>`
        : nothing}
      ${number('steps', t('create.steps'), values.steps, {
        min: 1,
        max: limits.steps,
        placeholder: defaults.steps,
      })}
      ${number('cfg', t('create.cfg'), values.cfg, {
        min: 0,
        max: limits.cfg,
        step: 0.1,
        placeholder: defaults.cfg,
      })}
    </div>
  `;
}

customElements.define('prompt-composer', PromptComposer);
