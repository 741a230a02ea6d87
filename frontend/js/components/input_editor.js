import { html, live, nothing } from '../core/element.js';
import { numberText, parseExact } from '../core/json.js';
import { t } from '../core/messages.js';
import { valueText } from '../models/nodes.js';
import { wizard } from '../models/wizard.js';
import { icon } from './icons.js';
import { switchField } from './field.js';

const TYPES = [
  'text', 'int', 'float', 'boolean', 'seed', 'select', 'image', 'mask', 'video', 'audio', 'file',
  'checkpoint', 'vae', 'loras', 'resolution', 'scenes',
];
const NUMBERS = ['int', 'float'];
const LIMITED = [...NUMBERS, 'resolution'];
const CHOICES = ['select', 'checkpoint', 'vae'];
const FILES = ['image', 'mask', 'video', 'audio', 'file'];
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** A number as it was typed, however large; nothing for an empty field. */
const numberIn = (text) => (NUMBER.test(text.trim()) ? parseExact(text.trim()) : undefined);

const field = (label, control, help = '', className = '') => html`
  <label class="field ${className}"><span>${label}</span>${control} ${help ? html`<small>${help}</small>` : nothing}</label>
`;

const textInput = (value, onInput, options = {}) => html`
  <input
    maxlength=${options.maxlength ?? 2000}
    placeholder=${options.placeholder ?? nothing}
    spellcheck=${options.isCode ? 'false' : 'true'}
    .value=${live(value ?? '')}
    @input=${({ target }) => onInput(target.value)}
  />
`;

const numberInput = (value, onChange) => html`
  <input
    type="number"
    step="any"
    .value=${live(valueText(value))}
    @change=${({ target }) => onChange(numberIn(target.value))}
  />
`;

/**
 * Everything that can be said about one input.
 *
 * @param change (facts) => void: undefined takes a fact away
 */
export function inputEditor(input, change) {
  const { type } = input;
  const flag = (name, label, help) =>
    switchField({
      label,
      help,
      checked: Boolean(input[name]),
      onChange: (isOn) => change({ [name]: isOn || undefined }),
    });
  return html`
    <div class="input-editor">
      <div class="fields">
        ${field(t('wizard.name'), textInput(input.name, (name) => change({ name }), { maxlength: 200 }))}
        ${field(
          t('wizard.kind'),
          html`<select @change=${({ target }) => change(becoming(input, target.value))}>
            ${TYPES.map(
              (each) => html`<option value=${each} .selected=${live(each === type)}>${t(`wizard.type.${each}`)}</option>`,
            )}
          </select>`,
        )}
        ${field(
          t('wizard.help'),
          textInput(input.help, (help) => change({ help: help || undefined })),
          '',
          'full',
        )}
        ${defaultField(input, change)}
        ${LIMITED.includes(type)
          ? ['min', 'max', 'step'].map((name) =>
              field(t(`wizard.limit.${name}`), numberInput(input[name], (value) => change({ [name]: value }))),
            )
          : nothing}
        ${type === 'text'
          ? field(
              t('wizard.placeholder'),
              textInput(input.placeholder, (placeholder) => change({ placeholder: placeholder || undefined })),
            )
          : nothing}
        ${type === 'select' ? optionsField(input, change) : nothing}
        ${field(
          t('wizard.id'),
          textInput(input.id, (id) => change({ id: id.trim() }), { maxlength: 64, isCode: true }),
          t('wizard.idHelp'),
        )}
      </div>
      <div class="switches">
        ${flag('required', t('wizard.required'))} ${flag('advanced', t('wizard.advanced'), t('wizard.advancedHelp'))}
        ${type === 'text' ? flag('multiline', t('wizard.multiline')) : nothing}
        ${FILES.includes(type) ? flag('multiple', t('wizard.multiple')) : nothing}
      </div>
      ${targetList(input, change)}
    </div>
  `;
}

/** An input of another type keeps what that type knows too. */
function becoming(input, type) {
  const gone = { default: undefined, options: undefined };
  if (!LIMITED.includes(type)) Object.assign(gone, { min: undefined, max: undefined, step: undefined });
  if (type !== 'text') Object.assign(gone, { multiline: undefined, placeholder: undefined });
  if (!FILES.includes(type)) gone.multiple = undefined;
  if (type !== 'resolution') gone.presets = undefined;
  const isKept = input.default !== undefined && keeps(type, input.default);
  return { type, ...gone, default: isKept ? input.default : type === 'seed' ? -1 : undefined };
}

function keeps(type, value) {
  if (NUMBERS.includes(type)) return typeof value === 'number';
  if (type === 'text' || CHOICES.includes(type)) return typeof value === 'string';
  return type === 'boolean' && typeof value === 'boolean';
}

function defaultField(input, change) {
  const { type, default: value } = input;
  const label = t('wizard.default');
  const set = (given) => change({ default: given });
  if (type === 'text') {
    const area = html`<textarea
      rows=${input.multiline ? 3 : 1}
      .value=${live(value ?? '')}
      @input=${({ target }) => set(target.value || undefined)}
    ></textarea>`;
    return field(label, area, '', 'full');
  }
  if (NUMBERS.includes(type)) return field(label, numberInput(value, set));
  if (type === 'seed') return field(label, numberInput(value, set), t('wizard.seedHelp'));
  if (type === 'boolean') return switchField({ label, checked: value === true, onChange: set });
  if (CHOICES.includes(type)) return field(label, choice(input, set));
  if (type === 'resolution') {
    const side = (name) =>
      field(t(`wizard.side.${name}`), numberInput(value?.[name], (given) => set({ ...value, [name]: given })));
    return html`${side('width')} ${side('height')}`;
  }
  return nothing;
}

/** One of what the engines offer now, as Studio's check of the draft says. */
function choice(input, set) {
  const offered = wizard.form.find(({ id }) => id === input.id)?.options ?? input.options ?? [];
  const texts = offered.map(({ value }) => valueText(value));
  const value = valueText(input.default);
  const known = !value || texts.includes(value) ? texts : [value, ...texts];
  const pick = (text) => set(offered.find((each) => valueText(each.value) === text)?.value ?? (text || undefined));
  return html`<select @change=${({ target }) => pick(target.value)}>
    <option value="" .selected=${live(!value)}>${t('wizard.open')}</option>
    ${known.map((each) => html`<option value=${each} .selected=${live(each === value)}>${each}</option>`)}
  </select>`;
}

/** Own options: a line for each, `value` or `value = label`. */
function optionsField(input, change) {
  const text = (input.options ?? [])
    .map(({ value, label }) => (label ? `${valueText(value)} = ${label}` : valueText(value)))
    .join('\n');
  const read = (lines) => {
    const options = lines
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .map((line) => {
        const [first, ...rest] = line.split(' = ');
        const label = rest.join(' = ').trim();
        return { value: numberIn(first) ?? first.trim(), ...(label && { label }) };
      });
    change({ options: options.length ? options : undefined });
  };
  return field(
    t('wizard.options'),
    html`<textarea rows="3" spellcheck="false" .value=${live(text)} @change=${({ target }) => read(target.value)}></textarea>`,
    t('wizard.optionsHelp'),
    'full',
  );
}

/** Where the answer goes. */
function targetList({ targets = [] }, change) {
  const remove = (index) => change({ targets: targets.filter((_, place) => place !== index) });
  return html`
    <div class="targets">
      <h3>${t('wizard.targets')}</h3>
      <ul class="rows">
        ${targets.map((target, index) => {
          const text = [target.title || target.class, target.input].filter(Boolean).join(' · ');
          return html`<li class="row">
            <p class="row-words">${text} <small>#${numberText(target.node)}</small></p>
            <button class="bare" aria-label=${t('wizard.removeTarget', { name: text })} @click=${() => remove(index)}>
              ${icon('close')}
            </button>
          </li>`;
        })}
      </ul>
    </div>
  `;
}
