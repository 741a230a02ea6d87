import { html, nothing } from '../core/element.js';
import { FormElement, errorText, textField } from '../components/form.js';
import { api } from '../core/api.js';
import { dateText } from '../core/format.js';
import { words } from '../core/messages.js';
import { router } from '../core/router.js';
import { session } from '../models/session.js';

/* The views before anybody is inside. */

const OWNER_NAME = 'owner';

const head = (title, lead) => html`<h1>${title}</h1><p class="lead">${lead}</p>`;
const button = (isBusy, text) =>
  html`<button class="primary wide" ?disabled=${isBusy}>${text}</button>`;

class LoginView extends FormElement {
  render() {
    const text = words.login;
    return html`
      ${head(text.title, session.ended ? text.ended : text.lead)}
      <form @submit=${(event) => this.submitted(event, send)}>
        ${textField({
          name: 'name',
          label: text.name,
          value: session.lastName ?? OWNER_NAME,
          autocomplete: 'username',
        })}
        <password-field name="password" label=${text.password}></password-field>
        ${this.problem()} ${button(this.busy, text.button)}
      </form>
      <p class="hint">${text.help}</p>
    `;
  }
}

async function send({ name, password }) {
  await session.login(name, password);
  if (!['create', 'queue', 'library', 'people'].includes(router.view)) router.replace('create');
}

class SetupView extends FormElement {
  constructor() {
    super();
    // A link that is put into a tab which is open already changes the address alone.
    this.watch(router, session);
  }

  render() {
    const text = words.setUp;
    const token = router.view === 'setup' ? router.argument : '';
    // With an owner there already, the link is the way back to a lost password: the name stays.
    const isReset = session.state !== 'fresh';
    return html`
      ${isReset ? head(words.join.reset, words.join.resetLead) : head(text.title, text.lead)}
      <form @submit=${(event) => this.submitted(event, (values) => this.#send(values, token))}>
        ${token
          ? nothing
          : textField({ name: 'api_key', label: text.proof, help: text.proofHelp, focus: true })}
        ${isReset
          ? nothing
          : textField({
              name: 'name',
              label: text.name,
              value: OWNER_NAME,
              autocomplete: 'username',
            })}
        <password-field name="password" label=${text.password} new></password-field>
        ${this.problem()} ${button(this.busy, isReset ? words.join.resetButton : text.button)}
      </form>
    `;
  }

  async #send({ api_key, name, password }, token) {
    await session.setUp(token ? { token } : { api_key: api_key.trim() }, password, name?.trim());
    router.replace('create');
  }
}

class JoinView extends FormElement {
  constructor() {
    super();
    this.token = router.argument;
    this.invitation = null;
  }

  async connectedCallback() {
    super.connectedCallback();
    try {
      this.invitation = await api.post('/api/join', { token: this.token });
    } catch (error) {
      this.refused = error;
    }
    this.requestUpdate();
  }

  render() {
    const text = words.join;
    if (this.refused) {
      return html`
        ${errorText(this.refused)}
        <p><button class="wide" @click=${() => router.replace('login')}>${text.toLogin}</button></p>
      `;
    }
    if (!this.invitation) return html`<p role="status">${words.loading}</p>`;
    const { role, kind, name = '', expires_at: until } = this.invitation;
    const isReset = kind === 'reset';
    return html`
      ${head(isReset ? text.reset : text[role], isReset ? text.resetLead : text.lead)}
      <form @submit=${(event) => this.submitted(event, (values) => this.#send(values))}>
        ${textField({
          name: 'name',
          label: words.login.name,
          value: name,
          autocomplete: 'username',
          focus: true,
        })}
        <password-field name="password" label=${words.setUp.password} new></password-field>
        ${this.problem()} ${button(this.busy, isReset ? text.resetButton : text.button)}
      </form>
      <p class="hint">${text.until(dateText(until))}</p>
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
