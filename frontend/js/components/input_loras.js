import { Element, html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { hasWords, loras, shortName, withWords, withoutWords } from '../models/loras.js';
import { icon } from './icons.js';
import './lora_picker.js';
import { openVary, strengthPlace } from './vary.js';

/** A file that was trained on hundreds of captions names words by the dozen. */
const MOST_WORDS = 12;

/** LoRAs with their strengths; models of two passes take a pair of files, each with its own. */
class LoraInput extends Element {
  static properties = { field: { attribute: false }, value: { attribute: false }, onChange: { attribute: false } };

  constructor() {
    super();
    this.watch(loras);
  }

  updated() {
    if (this.value?.length) loras.look();
  }

  render() {
    const options = this.field.options ?? [];
    const value = this.value ?? [];
    return html`
      ${value.length
        ? html`<ul class="loras">
            ${value.map((lora, index) => this.#row(lora, index))}
          </ul>`
        : nothing}
      ${options.length
        ? html`<lora-picker .options=${options} .onPick=${(file) => this.#add(file)}></lora-picker>`
        : html`<p class="hint">${t('making.noLoras')}</p>`}
    `;
  }

  #row(lora, index) {
    const isPair = Boolean(lora.high || lora.low);
    const name = shortName(lora.file ?? lora.high?.file ?? '');
    return html`
      <li class="lora">
        <span class="lora-head">
          <span class="lora-name" title=${lora.file ?? ''}>${name}</span>
          ${this.field.pairs
            ? html`<label class="check">
                <input type="checkbox" .checked=${live(isPair)} @change=${() => this.#pair(lora, index, !isPair)} />
                <span>${t('making.pair')}</span>
              </label>`
            : nothing}
          <button
            type="button"
            class="bare tool"
            aria-label=${t('making.removeLora', { name })}
            @click=${() => this.#remove(index)}
          >
            ${icon('close')}
          </button>
        </span>
        ${isPair
          ? ['high', 'low'].map((phase) => this.#half(lora, index, phase))
          : this.#strength(this.#place(index, '', t('making.strengthOf', { name }), lora.strength), (strength) =>
              this.#set(index, { ...lora, strength }),
            )}
        ${this.#words(lora.file ?? lora.high?.file)}
      </li>
    `;
  }

  /** The words that it was trained on: a tap puts one into the prompt, another takes it out. */
  #words(file) {
    const words = loras.of(file)?.trigger_words.slice(0, MOST_WORDS) ?? [];
    const prompt = draft.fields.find(({ type }) => type === 'text');
    if (!words.length || !prompt || draft.varied[prompt.id]) return nothing;
    const text = draft.value(prompt) ?? '';
    const toggle = (word) => draft.set(prompt.id, hasWords(text, word) ? withoutWords(text, word) : withWords(text, word));
    return html`
      <div class="lora-triggers" role="group" aria-label=${t('making.triggers', { name: shortName(file) })}>
        ${words.map(
          (word) => html`<button
            type="button"
            class="trigger"
            aria-pressed=${hasWords(text, word) ? 'true' : 'false'}
            title=${t('making.trigger')}
            @click=${() => toggle(word)}
          >
            ${word}
          </button>`,
        )}
      </div>
    `;
  }

  #half(lora, index, phase) {
    const half = lora[phase] ?? { strength: 1 };
    const set = (changes) => this.#set(index, { ...lora, [phase]: { ...half, ...changes } });
    return html`
      <div class="lora-half">
        <select
          aria-label=${t(`making.file.${phase}`)}
          @change=${({ target }) => set({ file: this.field.options[Number(target.value)].value })}
        >
          ${this.field.options.map(
            ({ value }, each) =>
              html`<option value=${each} .selected=${live(value === (half.file ?? lora.file))}>
                ${t(`making.pass.${phase}`, { name: shortName(value) })}
              </option>`,
          )}
        </select>
        ${this.#strength(this.#place(index, phase, t(`making.strength.${phase}`), half.strength), (strength) =>
          set({ strength }),
        )}
      </div>
    `;
  }

  #place(index, phase, name, strength = 1) {
    return strengthPlace(this.field, index, phase, name, strength);
  }

  #strength(place, onChange) {
    const { id, name: label, default: value } = place;
    const varied = draft.varied[id];
    if (varied) return html`<varied-note .field=${place} .varied=${varied}></varied-note>`;
    const changed = ({ target }) => Number.isFinite(target.valueAsNumber) && onChange(target.valueAsNumber);
    return html`
      <span class="number">
        <input type="range" min="-1" max="2" step="0.05" tabindex="-1" aria-label=${label} .value=${live(String(value))} @input=${changed} />
        <input type="number" min="-100" max="100" step="any" aria-label=${label} .value=${live(String(value))} @change=${changed} />
        <button
          type="button"
          class="bare tool"
          aria-label=${t('create.vary', { name: label })}
          title=${t('create.vary', { name: label })}
          @click=${() => openVary(place)}
        >
          ${icon('vary')}
        </button>
      </span>
    `;
  }

  /** What is varied in the list from here on belongs to others now. */
  #remove(index) {
    for (let each = index; each < this.value.length; each += 1) this.#leave(each);
    this.onChange(this.value.filter((_, each) => each !== index));
  }

  /** Its strengths are no longer varied. */
  #leave(index) {
    const places = Object.keys(draft.varied).filter((id) => id.startsWith(`${this.field.id}[${index}]`));
    for (const place of places) draft.vary(place, []);
  }

  #set(index, lora) {
    this.onChange(this.value.map((each, at) => (at === index ? lora : each)));
  }

  #add(file) {
    this.onChange([...(this.value ?? []), { file, strength: 1 }]);
  }

  /** One file for both passes becomes two, and the other way round. */
  #pair(lora, index, isPair) {
    const file = lora.file ?? lora.high?.file;
    const strength = lora.strength ?? 1;
    this.#leave(index);
    const halves = { high: { file, strength }, low: { file: otherHalf(file, this.field.options), strength } };
    this.#set(index, isPair ? { file, strength, ...halves } : { file, strength });
  }
}

/** The file of the second pass, where it has the same name but for the pass. */
function otherHalf(file, options) {
  const wanted = file.replace(/high/i, (found) => (found === 'HIGH' ? 'LOW' : found === 'High' ? 'Low' : 'low'));
  return options.some(({ value }) => value === wanted) ? wanted : file;
}

customElements.define('lora-input', LoraInput);
