import { html, live, nothing } from '../core/element.js';

/*
 * Fields that say at once what was chosen: `onChange` gets the value. `help` stands below, `hint`
 * is what an empty field means.
 */

const labelled = (label, help, control) => html`
  <label class="field">
    <span>${label}</span>
    ${control} ${help ? html`<small>${help}</small>` : nothing}
  </label>
`;

export function selectField({ label, help = '', value, options, onChange, disabled = false }) {
  return labelled(
    label,
    help,
    html`<select ?disabled=${disabled} @change=${({ target }) => onChange(target.value)}>
      ${options.map(
        (option) =>
          html`<option value=${option.value} .selected=${live(option.value === value)}>${option.label}</option>`,
      )}
    </select>`,
  );
}

export function numberField({ label, help = '', value, hint = '', min, max, step = 1, onChange }) {
  const changed = ({ target }) => {
    if (target.reportValidity()) onChange(target.value === '' ? null : Number(target.value));
  };
  return labelled(
    label,
    help,
    html`<input
      type="number"
      inputmode=${step === 1 ? 'numeric' : 'decimal'}
      min=${min ?? nothing}
      max=${max ?? nothing}
      step=${step}
      placeholder=${hint || nothing}
      .value=${live(value === null || value === undefined ? '' : String(value))}
      @change=${changed}
    />`,
  );
}

export function areaField({ label, help = '', value, rows = 3, maxlength, onChange }) {
  return labelled(
    label,
    help,
    html`<textarea
      rows=${rows}
      maxlength=${maxlength ?? nothing}
      .value=${live(value)}
      @change=${({ target }) => onChange(target.value)}
    ></textarea>`,
  );
}

export function switchField({ label, help = '', checked, onChange, disabled = false }) {
  return html`
    <label class="switch">
      <span class="row-words">
        <span>${label}</span>
        ${help ? html`<small>${help}</small>` : nothing}
      </span>
      <input
        type="checkbox"
        role="switch"
        ?disabled=${disabled}
        .checked=${live(checked)}
        @change=${({ target }) => onChange(target.checked)}
      />
    </label>
  `;
}
