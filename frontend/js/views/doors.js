import { html, nothing } from '../core/element.js';
import { FormElement, errorText, textField } from '../components/form.js';
import { icon } from '../components/icons.js';
import { api } from '../core/api.js';
import { dateText } from '../core/format.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { kept } from '../core/store.js';
import { session } from '../models/session.js';
import '../components/focus.js';

/* The views before anybody is inside. */

const OWNER_NAME = 'owner';

const head = (title, lead) => html`<h1>${title}</h1><p class="lead">${lead}</p>`;
const button = (isBusy, text) =>
  html`<button class="primary wide" ?disabled=${isBusy}>${text}</button>`;

class LoginView extends FormElement {
  get #lead() {
    if (kept.get('imported', false)) return t('doors.login.imported');
    return session.ended ? t('doors.login.ended') : t('doors.login.lead');
  }

  render() {
    return html`
      ${head(t('doors.login.title'), this.#lead)}
      <form @submit=${(event) => this.submitted(event, send)}>
        ${textField({
          name: 'name',
          label: t('doors.login.name'),
          value: session.lastName,
          help: session.lastName ? '' : t('doors.login.nameHelp'),
          autocomplete: 'username',
          focus: !session.lastName,
        })}
        <password-field name="password" label=${t('doors.login.password')}></password-field>
        ${this.problem()} ${button(this.busy, t('doors.login.button'))}
      </form>
      <p class="hint">${t('doors.login.help')}</p>
    `;
  }
}

async function send({ name, password }) {
  await session.login(name, password);
  kept.set('imported', false);
  // Whoever came for a certain view gets it.
  if (['', 'login', 'join', 'setup'].includes(router.view)) router.replace('create');
}

/**
 * A view that a link with a one-time token opens. The link is looked at before anybody types, and
 * another one that is put into the same tab takes its place.
 */
class LinkView extends FormElement {
  constructor(view) {
    super();
    this.view = view;
    this.token = '';
    this.watch(router, session);
  }

  willUpdate() {
    const token = router.view === this.view ? router.argument : '';
    if (token !== this.token) this.#look(token);
  }

  async #look(token) {
    Object.assign(this, { token, link: null, refused: null, error: null });
    if (!token) return;
    const found = {};
    try {
      found.link = await api.post(`/api/${this.view}`, { token });
    } catch (error) {
      found.refused = error;
    }
    if (token !== this.token) return;
    Object.assign(this, found);
    this.requestUpdate();
  }

  render() {
    if (this.refused) return this.refusal();
    if (this.token && !this.link) return html`<p role="status">${t('shell.loading')}</p>`;
    return this.form();
  }

  refusal() {
    const isNew = session.state === 'fresh';
    return html`
      <h1>${t('doors.join.dead')}</h1>
      ${errorText(this.refused)}
      <p>
        <button class="wide" @click=${() => router.replace('login')}>
          ${isNew ? t('doors.setUp.byKey') : t('doors.join.toLogin')}
        </button>
      </p>
    `;
  }
}

class SetupView extends LinkView {
  constructor() {
    super('setup');
  }

  form() {
    // With an owner there already, the link is the way back to a lost password: the name stays.
    const isReset = session.state !== 'fresh';
    return html`
      ${isReset ? head(t('doors.join.reset'), t('doors.join.resetLead')) : head(t('doors.setUp.title'), t('doors.setUp.lead'))}
      <form @submit=${(event) => this.submitted(event, (values) => this.#send(values))}>
        ${this.token
          ? nothing
          : textField({ name: 'api_key', label: t('doors.setUp.proof'), help: t('doors.setUp.proofHelp'), focus: true })}
        ${isReset
          ? nothing
          : textField({
              name: 'name',
              label: t('doors.setUp.name'),
              value: OWNER_NAME,
              autocomplete: 'username',
            })}
        <password-field name="password" label=${t('doors.setUp.password')} new></password-field>
        ${this.problem()} ${button(this.busy, isReset ? t('doors.join.resetButton') : t('doors.setUp.button'))}
      </form>
      ${this.link ? html`<p class="hint">${t('doors.join.until', { time: dateText(this.link.expires_at) })}</p>` : nothing}
    `;
  }

  async #send({ api_key, name, password }) {
    const proof = this.token ? { token: this.token } : { api_key: api_key.trim() };
    await session.setUp(proof, password, name?.trim());
    router.replace('create');
  }
}

class JoinView extends LinkView {
  constructor() {
    super('join');
  }

  form() {
    // It is left for good in this moment.
    if (!this.link) return nothing;
    const { role, kind, name = '', expires_at: until } = this.link;
    const isReset = kind === 'reset';
    return html`
      ${head(isReset ? t('doors.join.reset') : t(`doors.join.${role}`), isReset ? t('doors.join.resetLead') : t('doors.join.lead'))}
      ${session.user && session.user.name !== name
        ? html`<p class="banner is-note" role="note">${icon('warning')}<span>${t('doors.join.already', { name: session.user.name })}</span></p>`
        : nothing}
      <form @submit=${(event) => this.submitted(event, (values) => this.#send(values))}>
        ${textField({
          name: 'name',
          label: t('doors.login.name'),
          value: name,
          autocomplete: 'username',
          focus: true,
        })}
        <password-field name="password" label=${t('doors.setUp.password')} new></password-field>
        ${this.problem()} ${button(this.busy, isReset ? t('doors.join.resetButton') : t('doors.join.button'))}
      </form>
      <p class="hint">${t('doors.join.until', { time: dateText(until) })}</p>
    `;
  }

  async #send({ name, password }) {
    await session.join(this.token, name.trim(), password);
    router.replace('create');
  }
}

customElements.define('login-view', LoginView);
customElements.define('setup-view', SetupView);
customElements.define('join-view', JoinView);
