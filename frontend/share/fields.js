import { html, nothing } from '../js/core/element.js';
import { t } from '../js/core/messages.js';
import { icon } from '../js/components/icons.js';

/*
 * One field of a form each: `set(value)` says what was chosen, undefined for nothing.
 */
const MOST_TEXT = 4000;

const labelled = (field, control) => html`
  <label class="field">
    <span>${field.name}${field.required ? nothing : html` <small>${t('shared.optional')}</small>`}</span>
    ${control} ${field.help ? html`<small>${field.help}</small>` : nothing}
  </label>
`;

const text = (field, value, set) =>
  labelled(
    field,
    html`<textarea
      rows=${field.multiline === false ? 1 : 3}
      maxlength=${MOST_TEXT}
      placeholder=${field.placeholder ?? ''}
      ?required=${field.required}
      .value=${value ?? ''}
      @input=${({ target }) => set(target.value)}
    ></textarea>`,
  );

const number = (field, value, set) =>
  labelled(
    { ...field, required: field.type !== 'seed' && field.required },
    html`<input
      type="number"
      inputmode=${field.type === 'float' ? 'decimal' : 'numeric'}
      min=${field.min ?? nothing}
      max=${field.max ?? nothing}
      step=${field.type === 'float' ? (field.step ?? 'any') : 1}
      placeholder=${field.type === 'seed' ? t('shared.random') : nothing}
      ?required=${field.required && field.type !== 'seed'}
      .value=${value === null || value === undefined || value === -1 ? '' : String(value)}
      @input=${({ target }) => set(target.value === '' ? undefined : Number(target.value))}
    />`,
  );

const toggle = (field, value, set) => html`
  <label class="switch">
    <span class="row-words"><span>${field.name}</span>${field.help ? html`<small>${field.help}</small>` : nothing}</span>
    <input type="checkbox" role="switch" .checked=${Boolean(value)} @change=${({ target }) => set(target.checked)} />
  </label>
`;

const choice = (field, value, set) =>
  labelled(
    field,
    html`<select ?required=${field.required} @change=${({ target }) => set(field.options[target.value]?.value)}>
      ${field.required && field.options.some((option) => option.value === value) ? nothing : html`<option value="">–</option>`}
      ${field.options.map(
        (option, index) =>
          html`<option value=${index} ?selected=${option.value === value}>${option.label ?? option.value}</option>`,
      )}
    </select>`,
  );

function size(field, value, set) {
  const now = value ?? { width: 1024, height: 1024 };
  const side = (name) => html`<input
    type="number"
    inputmode="numeric"
    aria-label=${t(`shared.${name}`)}
    min=${field.min ?? 16}
    max=${field.max ?? 4096}
    required
    .value=${String(now[name])}
    @input=${({ target }) => set({ ...now, [name]: Number(target.value) })}
  />`;
  return html`<fieldset class="field">
    <span>${field.name}</span>
    <div class="shared-size">${side('width')}<span aria-hidden="true">×</span>${side('height')}</div>
  </fieldset>`;
}

/**
 * A file, or several of them: they are sent when they are chosen.
 *
 * @param value [{id, name, url, problem}]
 * @param add (files) => send them
 * @param paint () => paint a mask over a picture that was chosen
 */
function files(field, value, set, add, paint) {
  const kept = value ?? [];
  const chosen = ({ target }) => {
    add([...target.files]);
    target.value = '';
  };
  const remove = (file) => set(kept.filter((each) => each !== file));
  return html`<div class="field">
    <span>${field.name}${field.required ? nothing : html` <small>${t('shared.optional')}</small>`}</span>
    ${kept.map(
      (file) => html`<div class="shared-file">
        ${file.url ? html`<img src=${file.url} alt="" />` : icon('file')}
        <span class="row-words">
          <span>${file.name}</span>
          <small role="status">${file.problem ?? (file.id ? t('shared.sent') : t('shared.sending'))}</small>
        </span>
        <button type="button" class="bare" aria-label=${t('shared.remove', { name: file.name })} @click=${() => remove(file)}>
          ${icon('close')}
        </button>
      </div>`,
    )}
    ${kept.length && !field.multiple
      ? nothing
      : html`<label class="shared-drop">
          ${icon('upload')}<span>${t(`shared.choose.${field.type}`)}</span>
          <input
            type="file"
            class="unseen"
            accept=${`${field.type === 'mask' ? 'image' : field.type}/*`}
            aria-label=${field.name}
            ?multiple=${field.multiple}
            @change=${chosen}
          />
        </label>`}
    ${field.type === 'mask'
      ? html`<button type="button" @click=${paint}>${icon('create')}${t(kept.length ? 'shared.paintAgain' : 'shared.paint')}</button>`
      : nothing}
    ${field.help ? html`<small>${field.help}</small>` : nothing}
  </div>`;
}

const MOST_LORAS = 4;

/** Some of the files that the link's maker offers, each with a strength. */
function loras(field, value, set) {
  const chosen = value ?? [];
  const nameOf = (lora) => field.options.find((option) => option.value === lora)?.label ?? '';
  const rest = field.options.filter((option) => !chosen.some(({ lora }) => lora === option.value));
  const change = (one, strength) => set(chosen.map((each) => (each === one ? { ...each, strength } : each)));
  const add = ({ target }) => {
    if (target.value) set([...chosen, { lora: target.value, strength: 1 }]);
    target.value = '';
  };
  return html`<fieldset class="field">
    <span>${field.name} <small>${t('shared.optional')}</small></span>
    ${chosen.map(
      (one) => html`<div class="shared-lora">
        <span class="row-words">${nameOf(one.lora)}</span>
        <input
          type="range"
          min="0"
          max="2"
          step="0.05"
          aria-label=${t('shared.strength', { name: nameOf(one.lora) })}
          .value=${String(one.strength)}
          @input=${({ target }) => change(one, target.valueAsNumber)}
        />
        <output>${one.strength}</output>
        <button
          type="button"
          class="bare"
          aria-label=${t('shared.remove', { name: nameOf(one.lora) })}
          @click=${() => set(chosen.filter((each) => each !== one))}
        >
          ${icon('close')}
        </button>
      </div>`,
    )}
    ${rest.length && chosen.length < MOST_LORAS
      ? html`<select aria-label=${t('shared.add', { name: field.name })} @change=${add}>
          <option value="">${t('shared.add', { name: field.name })}</option>
          ${rest.map((option) => html`<option value=${option.value}>${option.label}</option>`)}
        </select>`
      : nothing}
    ${field.help ? html`<small>${field.help}</small>` : nothing}
  </fieldset>`;
}

const KINDS = {
  text,
  int: number,
  float: number,
  seed: number,
  boolean: toggle,
  select: choice,
  resolution: size,
  loras,
  image: files,
  mask: files,
  video: files,
  audio: files,
};

export const isFile = ({ type }) => KINDS[type] === files;

export const control = (field, value, set, add, paint) => KINDS[field.type](field, value, set, add, paint);
