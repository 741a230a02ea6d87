import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { errorText, FormElement } from './form.js';

/** How an engine is started; it counts from its next start on. */
class EngineFlags extends FormElement {
  static properties = { name: {} };

  get #path() {
    return `/api/system/engines/${encodeURIComponent(this.name)}/flags`;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    try {
      this.found = await api.get(this.#path);
    } catch (error) {
      this.missing = error;
    }
    this.requestUpdate();
  }

  render() {
    const { found } = this;
    if (this.missing) return errorText(this.missing);
    if (!found) return nothing;
    return html`
      <form class="token" @submit=${(event) => this.submitted(event, (values) => this.#store(values))}>
        <label class="field">
          <span>${t('system.flags')}</span>
          <input
            name="flags"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            .value=${found.flags.join(' ')}
            ?disabled=${!found.editable}
          />
          <small>${note(found)}</small>
        </label>
        ${this.problem()}
        ${found.editable ? html`<div><button ?disabled=${this.busy}>${t('system.flagsStore')}</button></div>` : nothing}
        <details>
          <summary>${t('system.flagsAllowed')}</summary>
          <dl class="flags">
            ${found.allowed.map(
              ({ flag, help, choices }) => html`<div>
                <dt><code>${flag}${choices?.length ? ` ${choices.join('|')}` : ''}</code></dt>
                <dd class="hint">${help}</dd>
              </div>`,
            )}
          </dl>
        </details>
      </form>
    `;
  }

  async #store({ flags }) {
    this.found = await api.put(this.#path, { flags: flags.trim() });
  }
}

function note({ source, restart_needed: isDue }) {
  if (source === 'environment') return t('system.flagsByEnvironment');
  return t(isDue ? 'system.flagsDue' : 'system.flagsHelp');
}

customElements.define('engine-flags', EngineFlags);
