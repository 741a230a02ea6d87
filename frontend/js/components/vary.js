import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { questionsIn } from '../models/questions.js';
import { openDialog } from './dialog.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';
import { optionsOf, shortText } from './inputs.js';

const MOST = 1000;
const NUMBERS = new Set(['int', 'float', 'seed']);
const CHOICES = new Set(['select', 'checkpoint', 'vae', 'resolution']);

/** The values that one field takes in turn; every field that is varied is one axis of the grid. */
class VaryField extends FormElement {
  static properties = {
    field: { attribute: false },
    onDone: { attribute: false },
    place: { state: true },
    values: { state: true },
  };

  firstUpdated() {
    this.querySelector('[autofocus]')?.focus();
  }

  connectedCallback() {
    super.connectedCallback();
    this.places = [this.field, ...questionPlaces(this.field)];
    this.#begin(this.field);
  }

  /** Vary the field, or one of the questions in it. */
  #begin(place) {
    this.place = place;
    this.before = draft.varied[place.id];
    this.values = this.before?.values ?? [draft.value(place)].filter((value) => value !== null && value !== '');
    this.text = this.#isChoice || this.#isFile ? '' : this.values.join(NUMBERS.has(place.type) ? ', ' : '\n');
  }

  get #isChoice() {
    return CHOICES.has(this.place.type);
  }

  get #isFile() {
    return this.place.type === 'image';
  }

  render() {
    const { field, place, places, before } = this;
    const others = Object.keys(draft.varied).filter((id) => id !== place.id);
    return html`
      <form class="vary" @submit=${(event) => this.submitted(event, (given) => this.#apply(given))}>
        <h2>${t('making.varyTitle', { name: field.name })}</h2>
        <p class="hint">${t('making.varyHelp')}</p>
        ${places.length > 1
          ? html`<label class="field">
              <span>${t('making.varyWhat')}</span>
              <select @change=${({ target }) => this.#begin(places[Number(target.value)])}>
                ${places.map(
                  (each, index) =>
                    html`<option value=${index} .selected=${each === place}>
                      ${index ? t('making.varyQuestion', { text: each.name }) : t('making.varyWhole')}
                    </option>`,
                )}
              </select>
            </label>`
          : nothing}
        ${this.#isChoice ? this.#choices() : this.#isFile ? this.#files() : this.#lines()}
        ${others.length
          ? html`<label class="check">
              <input type="checkbox" name="beside" ?checked=${before?.beside ?? false} />
              <span>${t('making.beside')}</span>
            </label>`
          : nothing}
        ${this.problem()}
        <div class="dialog-actions">
          ${before
            ? html`<button type="button" @click=${() => this.#stop()}>${t('making.varyStop')}</button>`
            : html`<button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>`}
          <button class="primary">${icon('vary')}${t('making.varyThis')}</button>
        </div>
      </form>
    `;
  }

  #lines() {
    const isNumber = NUMBERS.has(this.place.type);
    const typed = ({ target }) => (this.text = target.value);
    return html`
      <label class="field">
        <span>${isNumber ? t('making.numbers') : t('making.texts')}</span>
        ${isNumber
          ? html`<input name="text" required autofocus inputmode="text" .value=${this.text} @input=${typed} />`
          : html`<textarea name="text" rows="8" required autofocus .value=${this.text} @input=${typed}></textarea>`}
        ${isNumber ? html`<small>${t('making.numbersHelp')}</small>` : nothing}
      </label>
    `;
  }

  #choices() {
    const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    const options = sizesOf(this.place) ?? optionsOf(this.place);
    const toggle = (value) => {
      const isIn = this.values.some((each) => isSame(each, value));
      this.values = isIn ? this.values.filter((each) => !isSame(each, value)) : [...this.values, value];
    };
    return html`
      <fieldset class="choices">
        <legend class="unseen">${this.place.name}</legend>
        ${options.map(
          ({ value, label }) => html`<label class="check">
            <input
              type="checkbox"
              .checked=${this.values.some((each) => isSame(each, value))}
              @change=${() => toggle(value)}
            /><span>${label}</span>
          </label>`,
        )}
      </fieldset>
    `;
  }

  #files() {
    return html`<file-input
      .field=${{ ...this.place, multiple: true }}
      .value=${this.values}
      .onChange=${(values) => (this.values = values)}
    ></file-input>`;
  }

  #apply({ text = '', beside }) {
    const { place } = this;
    const values = this.#isChoice || this.#isFile ? this.values : read(place, text);
    if (!values.length || values.length > MOST) throw refusal();
    const sizes = options(place);
    const labels = this.#isFile
      ? values.map((value, index) => value.name || String(index + 1))
      : sizes && values.map((value) => sizes.get(JSON.stringify(value)) ?? JSON.stringify(value));
    draft.vary(place.id, values, { beside: beside === 'on', labels: labels || null });
    this.onDone();
  }

  #stop() {
    draft.vary(this.place.id, []);
    this.onDone();
  }
}

customElements.define('vary-field', VaryField);

/** In the place of a field that is varied: by what. */
class VariedNote extends Element {
  static properties = { field: { attribute: false }, varied: { attribute: false } };

  render() {
    const { field } = this;
    const { values, labels } = this.varied;
    const shown = values.map((value, index) => labels?.[index] ?? shortText(value));
    return html`
      <div class="varied">
        ${icon('vary')}<span>${shown.join(' · ')}</span>
        <button type="button" class="bare" @click=${() => openVary(field)}>${t('making.change')}</button>
        <button
          type="button"
          class="bare tool"
          aria-label=${t('making.noVary', { name: field.name })}
          @click=${() => draft.vary(field.id, [])}
        >
          ${icon('close')}
        </button>
      </div>
    `;
  }
}

customElements.define('varied-note', VariedNote);

/** What comes late stands here above the button: a model's help, and answers that are varied. */
class VariedAnswers extends Element {
  constructor() {
    super();
    this.watch(draft);
  }

  render() {
    const asked = new Map(draft.fields.flatMap(questionPlaces).map((place) => [place.id, place]));
    const varied = Object.entries(draft.varied)
      .filter(([id]) => id.startsWith('[['))
      .map(([id, varied]) => {
        const place = asked.get(id) ?? { id, name: id, type: 'text' };
        return html`<div role="group" aria-label=${place.name}>
          <span class="input-name">${t('making.varyQuestion', { text: place.name })}</span>
          <varied-note .field=${place} .varied=${varied}></varied-note>
        </div>`;
      });
    return html`<prompt-aid></prompt-aid>${varied}`;
  }
}

customElements.define('varied-answers', VariedAnswers);

/** What a text asks, each question as a field of its own. */
function questionPlaces(field) {
  if (field.type !== 'text') return [];
  const texts = draft.varied[field.id]?.values ?? [draft.value(field)];
  return questionsIn(texts).map(({ name, text, options, default: standard }) => ({
    id: `[[${name}]]`,
    name: text,
    type: options.length ? 'select' : 'text',
    options: options.map((value) => ({ value })),
    default: standard ?? options[0],
  }));
}

/** The strength of one LoRA of a list, of one pass where it has two, as a field of its own. */
export const strengthPlace = (field, index, phase, name, strength) => ({
  id: `${field.id}[${index}]${phase ? `.${phase}` : ''}.strength`,
  name,
  type: 'float',
  default: strength,
});

/** The form's own: there is no code that anybody could look up. */
const refusal = () => new Error(t('making.noValues'));

function sizesOf(field) {
  if (field.type !== 'resolution') return null;
  return Object.entries(field.presets ?? {}).flatMap(([family, sizes]) =>
    sizes.map(({ label, width, height }) => ({
      value: { width, height },
      label: `${family}, ${label} (${width} × ${height})`,
    })),
  );
}

/** What choices are called, by their values. */
function options(field) {
  if (!CHOICES.has(field.type)) return null;
  const short = ({ value }) => (value?.width ? `${value.width}×${value.height}` : null);
  const all = sizesOf(field) ?? optionsOf(field);
  return new Map(all.map((option) => [JSON.stringify(option.value), short(option) ?? option.label]));
}

/** Values as they are written: lines of text, or numbers with commas and ranges (`5-9`, `5-9:2`). */
export function read(field, text) {
  if (!NUMBERS.has(field.type)) return text.split('\n').map((line) => line.trim()).filter(Boolean);
  const values = text.split(/[,;，；、\s]+/).filter(Boolean).flatMap((part) => numbersIn(part));
  if (values.some((value) => !Number.isFinite(value))) throw refusal();
  return field.type === 'seed' ? values.map((value) => String(Math.round(value))) : values;
}

function numbersIn(part) {
  const range = /^(-?[\d.]+)-(-?[\d.]+)(?::([\d.]+))?$/.exec(part);
  if (!range) return [Number(part)];
  const [from, to, step] = [Number(range[1]), Number(range[2]), Number(range[3] ?? 1)];
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (!(step > 0) || !(count > 0) || count > MOST) return [NaN];
  // Twelve digits are more than anybody means, and fewer than sums of fractions get wrong.
  return Array.from({ length: count }, (_, index) => Number((from + index * step).toPrecision(12)));
}

export function openVary(field) {
  openDialog({
    label: t('making.varyTitle', { name: field.name }),
    content: (close) => html`<vary-field .field=${field} .onDone=${() => close()}></vary-field>`,
  });
}
