import { html, nothing } from '../core/element.js';
import { api, ApiError } from '../core/api.js';
import { agoText } from '../core/format.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { FormElement } from '../components/form.js';
import { icon } from '../components/icons.js';

const DAYS = [30, 90, 365, 0];
/* How a code looks. */
const SHAPE = 'BCDF-GHJK';

/** Lets a program in that shows a code: who asks for what, and whether somebody wants that. */
class DeviceView extends FormElement {
  constructor() {
    super();
    this.asking = null;
    this.code = '';
    this.done = '';
    this.watch(router);
  }

  willUpdate() {
    // The code of a link is only filled in: whoever made the link must not decide in its place.
    if (router.view !== 'device' || this.linked === router.argument) return;
    this.linked = router.argument;
    Object.assign(this, { code: router.argument, asking: null, done: '', error: null });
  }

  render() {
    return html`
      <div class="view device">
        <header class="view-head"><h1>${t('access.device.title')}</h1></header>
        ${this.done ? this.#end() : this.asking ? this.#question() : this.#entry()}
      </div>
    `;
  }

  #entry() {
    return html`
      <section class="card">
        <p class="hint">${t('access.device.help')}</p>
        <form @submit=${(event) => this.submitted(event, (values) => this.#look(values))}>
          <label class="field">
            <span>${t('access.device.code')}</span>
            <input
              class="device-code"
              name="code"
              .value=${this.code}
              required
              maxlength="12"
              placeholder=${SHAPE}
              autocomplete="off"
              autocapitalize="characters"
              spellcheck="false"
            />
          </label>
          ${this.problem()}
          <button class="primary" ?disabled=${this.busy}>${t('access.device.look')}</button>
        </form>
      </section>
    `;
  }

  async #look({ code }) {
    this.code = code;
    this.asking = await api.post('/api/device/look', { user_code: code });
  }

  #question() {
    const { name, scopes, may_give: mayGive, address, created_at: since } = this.asking;
    const others = scopes.filter((scope) => !mayGive.includes(scope));
    return html`
      <section class="card">
        <h2>${t('access.device.asks', { name })}</h2>
        <p class="hint">${t('access.device.from', { address: address || t('access.device.here'), time: agoText(since) })}</p>
        <p class="banner is-note">${icon('warning')}<span>${t('access.device.warning')}</span></p>
        <form @submit=${(event) => this.submitted(event, () => this.#decide(event.target, event.submitter?.value === 'yes'))}>
          <fieldset>
            <legend>${t('people.keyScopes')}</legend>
            ${mayGive.map(
              (scope) => html`<label class="check">
                <input type="checkbox" name="scope" value=${scope} checked />
                <span>${t(`people.scopes.${scope}`)} <code>${scope}</code></span>
              </label>`,
            )}
            ${others.length ? html`<p class="hint">${t('access.device.others', { scopes: others.join(', ') })}</p>` : nothing}
          </fieldset>
          <label class="field">
            <span>${t('people.expires')}</span>
            <select name="days">
              ${DAYS.map(
                (days) => html`<option value=${days} ?selected=${days === 90}>
                  ${days ? t('shell.time.days', { count: days }) : t('access.forEver')}
                </option>`,
              )}
            </select>
          </label>
          ${this.problem()}
          <div class="device-acts">
            <button class="primary" name="act" value="yes" ?disabled=${this.busy || !mayGive.length}>
              ${t('access.device.allow')}
            </button>
            <button name="act" value="no" ?disabled=${this.busy}>${t('access.device.refuse')}</button>
          </div>
        </form>
      </section>
    `;
  }

  async #decide(form, allow) {
    const values = new FormData(form);
    const scopes = values.getAll('scope');
    if (allow && !scopes.length) throw new ApiError({ code: 'invalid_request', message: t('people.noScope') });
    const body = { user_code: this.code, allow };
    if (allow) Object.assign(body, { scopes, expires_in_days: Number(values.get('days')) || null });
    await api.post('/api/device/decide', body);
    this.done = allow ? 'allowed' : 'refused';
    this.linked = '';
    router.replace('device');
  }

  #end() {
    return html`
      <section class="card" role="status">
        <h2>${t(`access.device.${this.done}`, { name: this.asking.name })}</h2>
        <p>${t(`access.device.${this.done}Help`)}</p>
        <a class="button" href="#/settings/keys">${t('access.device.toKeys')}</a>
      </section>
    `;
  }
}

customElements.define('device-view', DeviceView);
