import { html, nothing } from '../core/element.js';
import { api, ApiError } from '../core/api.js';
import { agoText } from '../core/format.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';
import { ListElement, onceShown } from './list.js';

/* What most programs need; whatever changes Studio or its machine is ticked by hand. */
const HARMLESS = ['jobs', 'graphs:run', 'assets'];

class ApiKeys extends ListElement {
  async load() {
    return (await api.get('/api/keys')).keys;
  }

  render() {
    // Who may make none need not read about them.
    if (this.missing?.status === 403) return nothing;
    return html`
      <section class="card">
        <p class="hint">${t('people.keysHelp')}</p>
        <form
          class="key-form"
          @submit=${(event) => this.submitted(event, (values) => this.#make(event.target, values))}
        >
          <div class="with-button">
            <input name="name" required maxlength="100" aria-label=${t('people.keyName')} placeholder=${t('people.keyName')} />
            <button ?disabled=${this.busy}>${t('people.makeKey')}</button>
          </div>
          <fieldset>
            <legend>${t('people.keyScopes')}</legend>
            ${(session.user?.scopes ?? []).map(
              (scope) => html`<label class="check">
                <input type="checkbox" name="scope" value=${scope} ?checked=${HARMLESS.includes(scope)} />
                <span>${t(`people.scopes.${scope}`)} <code>${scope}</code></span>
              </label>`,
            )}
          </fieldset>
        </form>
        ${this.problem()} ${onceShown(this.made, t('people.keyOnce'))}
        ${this.items?.length === 0 ? html`<p class="hint">${t('people.noKeys')}</p>` : nothing}
        ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  async #make(form, { name }) {
    const scopes = new FormData(form).getAll('scope');
    if (!scopes.length) throw new ApiError({ code: 'invalid_request', message: t('people.noScope') });
    const made = await api.post('/api/keys', { name, scopes });
    this.made = made.key;
    form.reset();
    await this.reload();
  }

  #row(item) {
    const used = item.last_used_at ? t('people.used', { time: agoText(item.last_used_at) }) : '';
    return html`
      <div class="row-words">
        <span class="row-title">${item.name}</span>
        <span class="hint">${[item.scopes.join(', '), used].filter(Boolean).join(' · ')}</span>
      </div>
      <button @click=${() => this.change(() => api.remove(`/api/keys/${item.id}`))}>
        ${icon('close')}${t('people.revoke')}
      </button>
    `;
  }
}

customElements.define('api-keys', ApiKeys);
