import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { valueText } from '../models/nodes.js';
import { icon } from './icons.js';

/* How a form will look to whoever runs the workflow. It is for looking and trying, and keeps nothing. */

const FILES = ['image', 'mask', 'video', 'audio', 'file'];
const CHOICES = ['select', 'checkpoint', 'vae'];
const MOST_OPTIONS = 500;

/** @param form the inputs as Studio's check of a draft gives them, with what the engines offer */
export function formPreview(form) {
  if (!form.length) return html`<p class="hint">${t('wizard.noInputs')}</p>`;
  const [first, later] = [form.filter((each) => !each.advanced), form.filter((each) => each.advanced)];
  return html`
    <div class="preview-fields">${first.map(previewField)}</div>
    ${later.length
      ? html`<details>
          <summary>${t('wizard.laterOnes', { count: later.length })}</summary>
          <div class="preview-fields">${later.map(previewField)}</div>
        </details>`
      : nothing}
  `;
}

function previewField(input) {
  const { name, type, required, help } = input;
  const label = html`${name}${required ? html`<span class="star" aria-hidden="true"> *</span>` : nothing}`;
  const note = help ? html`<small>${help}</small>` : nothing;
  if (type === 'boolean') {
    return html`<label class="switch">
      <span class="row-words"><span>${label}</span>${note}</span>
      <input type="checkbox" role="switch" .checked=${input.default === true} />
    </label>`;
  }
  if (type === 'resolution') return sizeField(input, label, note);
  if (FILES.includes(type) || type === 'loras' || type === 'scenes') {
    return html`<div class="field">
      <span>${label}</span>
      <div class="preview-file">
        ${icon(type === 'loras' || type === 'scenes' ? 'plus' : 'upload')}
        <span>${t(`wizard.put.${FILES.includes(type) ? 'file' : type}`)}</span>
      </div>
      ${note}
    </div>`;
  }
  return html`<label class="field"><span>${label}</span>${control(input)} ${note}</label>`;
}

function control({ type, default: given, multiline, placeholder, min, max, step, options = [] }) {
  if (CHOICES.includes(type) || options.length) {
    return html`<select>
      ${options.slice(0, MOST_OPTIONS).map(
        ({ value, label }) =>
          html`<option .selected=${valueText(value) === valueText(given)}>${label ?? valueText(value)}</option>`,
      )}
    </select>`;
  }
  if (type === 'text') {
    return multiline
      ? html`<textarea rows="3" placeholder=${placeholder ?? nothing} .value=${given ?? ''}></textarea>`
      : html`<input placeholder=${placeholder ?? nothing} .value=${given ?? ''} />`;
  }
  const isRandom = type === 'seed' && valueText(given) === '-1';
  return html`<input
    type="number"
    min=${min === undefined ? nothing : valueText(min)}
    max=${max === undefined ? nothing : valueText(max)}
    step=${type === 'float' ? valueText(step ?? 'any') : valueText(step ?? 1)}
    placeholder=${isRandom ? t('workflows.randomSeed') : nothing}
    .value=${isRandom ? '' : valueText(given)}
  />`;
}

function sizeField({ default: given, presets = {} }, label, note) {
  const families = Object.entries(presets);
  const side = (name) => html`
    <label class="field">
      <span class="unseen">${t(`wizard.side.${name}`)}</span>
      <input type="number" min="1" .value=${valueText(given?.[name])} />
    </label>
  `;
  return html`<fieldset class="field">
    <legend>${label}</legend>
    ${families.length
      ? html`<select aria-label=${t('wizard.presets')}>
          ${families.map(
            ([family, sizes]) => html`<optgroup label=${family}>
              ${sizes.map((size) => html`<option>${size.label}: ${size.width} × ${size.height}</option>`)}
            </optgroup>`,
          )}
        </select>`
      : nothing}
    <div class="sides">${side('width')}<span aria-hidden="true">×</span>${side('height')}</div>
    ${note}
  </fieldset>`;
}
