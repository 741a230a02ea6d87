import { Element, html, nothing } from '../core/element.js';
import { explain, t } from '../core/messages.js';

export const LEAST_PASSWORD = 8;

/** A form of one purpose: it runs `send`, shows that it does, and what went wrong. */
export class FormElement extends Element {
  constructor() {
    super();
    this.busy = false;
    this.error = null;
  }

  /** Handle a submit: `send` gets the form's values by field name. */
  async submitted(event, send) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    this.requestUpdate();
    try {
      await send(Object.fromEntries(new FormData(event.target)));
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
    this.requestUpdate();
  }

  problem() {
    return html`<div class="problem" role="alert">${this.error ? errorText(this.error) : nothing}</div>`;
  }
}

/** An error in words, its code small. */
export function errorText(error) {
  return html`<p class="error-text">${explain(error)} ${error.code ? html`<code>${error.code}</code>` : nothing}</p>`;
}

export function textField({ name, label, value = '', help = '', autocomplete = 'off', focus = false }) {
  return html`
    <label class="field">
      <span>${label}</span>
      <input
        name=${name}
        .value=${value}
        autocomplete=${autocomplete}
        autocapitalize="none"
        spellcheck="false"
        required
        ?autofocus=${focus}
      />
      ${help ? html`<small>${help}</small>` : nothing}
    </label>
  `;
}

class PasswordField extends Element {
  static properties = {
    name: {},
    label: {},
    isNew: { type: Boolean, attribute: 'new' },
    isShown: { state: true },
  };

  render() {
    return html`
      <label class="field">
        <span>${this.label}</span>
        <span class="password">
          <input
            name=${this.name}
            type=${this.isShown ? 'text' : 'password'}
            autocomplete=${this.isNew ? 'new-password' : 'current-password'}
            minlength=${this.isNew ? LEAST_PASSWORD : nothing}
            required
          />
          <button
            type="button"
            class="bare"
            aria-pressed=${this.isShown ? 'true' : 'false'}
            @click=${() => (this.isShown = !this.isShown)}
          >
            ${this.isShown ? t('shell.password.hide') : t('shell.password.show')}
          </button>
        </span>
        ${this.isNew ? html`<small>${t('shell.password.rule', { least: LEAST_PASSWORD })}</small>` : nothing}
      </label>
    `;
  }
}

customElements.define('password-field', PasswordField);
