import { html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { isDynamic, isFile } from '../models/values.js';
import { icon } from './icons.js';
import { dice, openPrompts, openVary, toggleLock } from './later.js';

const MOST_TEXT = 100_000;
/** From this part of the limit on it is said how long a text is. */
const NEARLY = 0.9;
/** A slider over more steps than this could not be set to one of them. */
const MOST_STEPS = 2000;
const VARIABLE = new Set(['text', 'int', 'float', 'seed', 'select', 'checkpoint', 'vae', 'resolution', 'image']);

const idOf = (field) => `input-${field.id}`;
/** One field of the form with its label, its help and what else can be done with it. */
export function inputOf(field, { isFirst = false } = {}) {
  const draw = DRAWN[field.type] ?? textInput;
  const value = draft.value(field);
  const varied = draft.varied[field.id];
  const isGroup = ['resolution', 'loras', 'scenes'].includes(field.type) || isFile(field);
  const content = varied ? html`<varied-note .field=${field} .varied=${varied}></varied-note>` : draw(field, value, isFirst);
  const head = html`
    <span class="input-head">
      ${isGroup || varied
        ? html`<span class="input-name" id="${idOf(field)}-name">${field.name}</span>`
        : html`<label class="input-name" for=${idOf(field)}>${field.name}</label>`}
      ${field.type === 'boolean' && !varied ? content : tools(field, varied, isFirst)}
    </span>
  `;
  return html`
    <div
      class="input is-${field.type} ${isFirst ? 'is-first' : ''} ${!isFirst && draft.isChanged(field) ? 'is-changed' : ''}"
      data-input=${field.id}
      role=${isGroup ? 'group' : nothing}
      aria-labelledby=${isGroup ? `${idOf(field)}-name` : nothing}
    >
      ${head} ${field.type === 'boolean' && !varied ? nothing : content}
      ${field.help ? html`<small id="${idOf(field)}-help">${field.help}</small>` : nothing}
    </div>
  `;
}

function tools(field, varied, isFirst) {
  return html`
    <span class="input-tools">
      ${draft.isChanged(field) && !varied && !isFirst
        ? tool('again', t('create.reset', { name: field.name }), () => draft.reset(field.id))
        : nothing}
      ${field.type === 'text' ? tool('prompts', t('create.prompts', { name: field.name }), () => openPrompts(field)) : nothing}
      ${VARIABLE.has(field.type) && !varied
        ? tool('vary', t('create.vary', { name: field.name }), () => openVary(field))
        : nothing}
    </span>
  `;
}

const tool = (name, label, run) => html`
  <button type="button" class="bare tool" aria-label=${label} title=${label} @click=${run}>${icon(name)}</button>
`;

/** A value in few characters. */
export function shortText(value) {
  if (value && typeof value === 'object') {
    if ('width' in value) return `${value.width} × ${value.height}`;
    return value.name ?? JSON.stringify(value);
  }
  const text = String(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

const change = (field) => ({ target }) => draft.set(field.id, target.value);
const described = (field) => (field.help ? `${idOf(field)}-help` : nothing);

function textInput(field, value, isFirst) {
  const isLong = field.multiline || isFirst;
  const length = [...value].length;
  return html`
    ${isLong
      ? html`<textarea
          id=${isFirst ? 'prompt' : idOf(field)}
          aria-label=${isFirst ? field.name : nothing}
          rows=${isFirst ? 3 : 2}
          placeholder=${field.placeholder ?? (isFirst ? t('create.placeholder') : nothing)}
          aria-describedby=${described(field)}
          .value=${live(value)}
          @input=${change(field)}
        ></textarea>`
      : html`<input
          id=${idOf(field)}
          placeholder=${field.placeholder ?? nothing}
          aria-describedby=${described(field)}
          .value=${live(value)}
          @input=${change(field)}
        />`}
    ${isDynamic(value) ? html`<small class="dynamic">${icon('dice')}${dynamicText(value)}</small>` : nothing}
    ${length < MOST_TEXT * NEARLY
      ? nothing
      : html`<small role="status" class=${length > MOST_TEXT ? 'is-over' : ''}>
          ${length > MOST_TEXT
            ? t('create.tooLong', { count: length - MOST_TEXT, limit: MOST_TEXT })
            : t('create.length', { length, limit: MOST_TEXT })}
        </small>`}
  `;
}

const dynamicText = (value) => t(value.includes('[[') ? 'create.asks' : 'create.chooses');

/** Whether a text is longer than Studio takes; nothing of it is ever cut off. */
export const isTooLong = (value) => typeof value === 'string' && [...value].length > MOST_TEXT;

function numberInput(field, value) {
  const { min, max } = field;
  const isWhole = field.type === 'int';
  const step = field.step ?? (isWhole ? 1 : 0.01);
  const hasSlider = min !== undefined && max !== undefined && (max - min) / step <= MOST_STEPS;
  const set = ({ target }) => {
    if (target.value !== '' && Number.isFinite(target.valueAsNumber)) draft.set(field.id, target.valueAsNumber);
    else if (target.value === '') draft.set(field.id, null);
  };
  return html`
    <span class="number">
      ${hasSlider
        ? html`<input
            type="range"
            aria-label=${field.name}
            tabindex="-1"
            min=${min}
            max=${max}
            step=${step}
            .value=${live(String(value ?? min))}
            @input=${set}
          />`
        : nothing}
      <input
        id=${idOf(field)}
        type="number"
        inputmode=${isWhole ? 'numeric' : 'decimal'}
        min=${min ?? nothing}
        max=${max ?? nothing}
        step=${isWhole ? step : 'any'}
        aria-describedby=${described(field)}
        .value=${live(value === null ? '' : String(value))}
        @input=${set}
      />
    </span>
  `;
}

function seedInput(field, value) {
  const isLocked = value !== '';
  return html`
    <span class="seed">
      <input
        id=${idOf(field)}
        inputmode="numeric"
        pattern="[0-9]*"
        placeholder=${t('create.seedRandom')}
        aria-describedby=${described(field)}
        .value=${live(value)}
        @input=${({ target }) => draft.set(field.id, target.value.replace(/\D/g, '').slice(0, 16))}
      />
      ${tool('dice', t('create.dice'), () => dice(field))}
      <button
        type="button"
        class="bare tool"
        aria-pressed=${isLocked ? 'true' : 'false'}
        aria-label=${t('create.lock')}
        title=${t(isLocked ? 'create.unlock' : 'create.lock')}
        @click=${() => toggleLock(field, isLocked)}
      >
        ${icon(isLocked ? 'lock' : 'unlocked')}
      </button>
    </span>
  `;
}

const booleanInput = (field, value) => html`
  <input
    id=${idOf(field)}
    type="checkbox"
    role="switch"
    .checked=${live(Boolean(value))}
    @change=${({ target }) => draft.set(field.id, target.checked)}
  />
`;

/** Model files without their folders' and their format's names, where that leaves them apart. */
export function optionsOf(field) {
  const options = field.options ?? [];
  const isModel = field.type !== 'select';
  const short = ({ value, label }) => label ?? (isModel ? String(value).replace(/\.\w+$/, '') : String(value));
  return options.map((option) => ({ value: option.value, label: short(option) }));
}

function selectInput(field, value) {
  const options = optionsOf(field);
  const at = options.findIndex((option) => option.value === value);
  if (!options.length && field.type !== 'select') {
    return html`<p class="hint" id=${idOf(field)}>${t('create.noFiles')}</p>`;
  }
  const choose = ({ target }) => draft.set(field.id, options[Number(target.value)]?.value ?? null);
  return html`
    <select id=${idOf(field)} aria-describedby=${described(field)} @change=${choose}>
      ${at < 0
        ? html`<option value="" selected>
            ${value === null ? t(field.required ? 'create.chooseOne' : 'create.none') : t('create.notHere', { name: String(value) })}
          </option>`
        : field.required
          ? nothing
          : html`<option value="">${t('create.none')}</option>`}
      ${options.map(
        (option, index) =>
          html`<option value=${index} .selected=${live(index === at)}>${option.label}</option>`,
      )}
    </select>
  `;
}

const set = (field) => (value) => draft.set(field.id, value);
const fileInput = (field, value) =>
  html`<file-input .field=${field} .value=${value} .onChange=${set(field)}></file-input>`;

const DRAWN = {
  text: textInput,
  int: numberInput,
  float: numberInput,
  boolean: booleanInput,
  seed: seedInput,
  select: selectInput,
  checkpoint: selectInput,
  vae: selectInput,
  resolution: (field, value) =>
    html`<size-input .field=${field} .value=${value} .onChange=${set(field)}></size-input>`,
  image: fileInput,
  mask: fileInput,
  video: fileInput,
  audio: fileInput,
  file: fileInput,
  loras: (field, value) =>
    html`<lora-input .field=${field} .value=${value} .onChange=${set(field)}></lora-input>`,
  scenes: (field, value) =>
    html`<scene-input .field=${field} .value=${value} .onChange=${set(field)}></scene-input>`,
};
