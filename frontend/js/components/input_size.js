import { Element, html, live, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { icon } from './icons.js';

const LONG = 20;

/** Width and height, by the shapes that models were made for or by number. */
class SizeInput extends Element {
  static properties = {
    field: { attribute: false },
    value: { attribute: false },
    onChange: { attribute: false },
    /** Which models' shapes somebody wants to see; else those of the present size. */
    family: { state: true },
  };

  render() {
    const { field, value } = this;
    const all = Object.entries(field.presets ?? {});
    const holds = ([, sizes]) => sizes.some((size) => isSize(size, value));
    const [family, sizes = []] = all.find(([name]) => name === this.family) ?? all.find(holds) ?? all[0] ?? [];
    return html`
      ${all.length > 1
        ? html`<div class="segments" role="group" aria-label=${t('making.family')}>
            ${all.map(
              ([name]) => html`<button
                type="button"
                aria-pressed=${name === family ? 'true' : 'false'}
                @click=${() => (this.family = name)}
              >
                ${name}
              </button>`,
            )}
          </div>`
        : nothing}
      <div class="sizes">
        ${sizes.map(
          (size) => html`<button
            type="button"
            class="size"
            aria-pressed=${isSize(size, value) ? 'true' : 'false'}
            @click=${() => this.onChange({ width: size.width, height: size.height })}
          >
            ${outline(size)}<span>${size.label}</span><small>${size.width} × ${size.height}</small>
          </button>`,
        )}
      </div>
      <div class="sides">
        ${this.#side('width', t('making.width'))}
        <button
          type="button"
          class="bare tool"
          aria-label=${t('making.swap')}
          title=${t('making.swap')}
          @click=${() => this.onChange({ width: value.height, height: value.width })}
        >
          ${icon('swap')}
        </button>
        ${this.#side('height', t('making.height'))}
      </div>
    `;
  }

  #side(name, label) {
    const { field, value } = this;
    const typed = ({ target }) =>
      this.onChange({ ...value, [name]: target.value === '' ? null : Math.round(target.valueAsNumber) });
    return html`<label><span>${label}</span><input
      type="number"
      inputmode="numeric"
      min=${field.min ?? nothing}
      max=${field.max ?? nothing}
      step=${field.step ?? 1}
      .value=${live(String(value[name] ?? ''))}
      @input=${typed}
    /></label>`;
  }
}

const isSize = (a, b) => a.width === b.width && a.height === b.height;

/** The shape of a size, drawn. */
function outline({ width, height }) {
  const scale = LONG / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  return html`<svg class="outline" viewBox="0 0 24 24" aria-hidden="true">
    <rect x=${12 - w / 2} y=${12 - h / 2} width=${w} height=${h} rx="2"></rect>
  </svg>`;
}

customElements.define('size-input', SizeInput);
