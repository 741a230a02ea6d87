import { html, nothing } from '../core/element.js';
import { api, ApiError } from '../core/api.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';
import { ListElement, onceShown } from './list.js';
import { keyWords } from './person.js';

/* What most programs need; whatever changes Studio or its machine is ticked by hand. */
const HARMLESS = ['jobs', 'graphs:run', 'assets'];
const DAYS = [0, 30, 90, 365];

class ApiKeys extends ListElement {
  async load() {
    // The owner sees everybody's: those of others are under People.
    return (await api.get('/api/keys')).keys.filter((key) => key.user_id === session.user?.id);
  }

  render() {
    // Who may make none need not read about them.
    if (this.missing?.status === 403) return nothing;
    return html`
      <section class="card">
        <p class="hint">
          ${t('people.keysHelp')} ${t('access.byCode')} <a class="link" href="#/device">${t('access.enterCode')}</a>
        </p>
        <form
          class="key-form"
          @submit=${(event) => this.submitted(event, (values) => this.#make(event.target, values))}
        >
          <label class="field">
            <span>${t('people.keyName')}</span>
            <input name="name" required maxlength="100" autocomplete="off" />
          </label>
          <fieldset>
            <legend>${t('people.keyScopes')}</legend>
            ${(session.user?.scopes ?? []).map(
              (scope) => html`<label class="check">
                <input type="checkbox" name="scope" value=${scope} ?checked=${HARMLESS.includes(scope)} />
                <span>${t(`people.scopes.${scope}`)} <code>${scope}</code></span>
              </label>`,
            )}
          </fieldset>
          <div class="inline">
            <label class="field">
              <span>${t('people.expires')}</span>
              <select name="days">
                ${DAYS.map(
                  (days) => html`<option value=${days}>
                    ${days ? t('shell.time.days', { count: days }) : t('access.forEver')}
                  </option>`,
                )}
              </select>
            </label>
            <label class="field">
              <span>${t('access.rate')}</span>
              <input name="rate" type="number" inputmode="numeric" min="1" max="1000000" placeholder=${t('access.rateHint')} />
            </label>
            <button class="primary" ?disabled=${this.busy}>${t('people.makeKey')}</button>
          </div>
        </form>
        ${this.problem()} ${onceShown(this.made, t('people.keyOnce'))}
        ${this.items?.length === 0 ? html`<p class="hint">${t('people.noKeys')}</p>` : nothing}
        ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  async #make(form, { name, days, rate }) {
    const scopes = new FormData(form).getAll('scope');
    if (!scopes.length) throw new ApiError({ code: 'invalid_request', message: t('people.noScope') });
    const made = await api.post('/api/keys', {
      name,
      scopes,
      expires_in_days: Number(days) || null,
      requests_per_minute: Number(rate) || null,
    });
    this.made = made.key;
    form.reset();
    await this.reload();
  }

  #row(item) {
    return html`
      ${keyWords(item)}
      <button @click=${() => this.change(() => api.remove(`/api/keys/${item.id}`))}>
        ${icon('close')}${t('people.revoke')}
      </button>
    `;
  }
}

customElements.define('api-keys', ApiKeys);
