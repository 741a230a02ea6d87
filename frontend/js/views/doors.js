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
          value: session.lastName,
          help: session.lastName ? '' : text.nameHelp,
          autocomplete: 'username',
          focus: !session.lastName,
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
    if (this.token && !this.link) return html`<p role="status">${words.loading}</p>`;
    return this.form();
  }

  refusal() {
    const isNew = session.state === 'fresh';
    return html`
      <h1>${words.join.dead}</h1>
      ${errorText(this.refused)}
      <p>
        <button class="wide" @click=${() => router.replace('login')}>
          ${isNew ? words.setUp.byKey : words.join.toLogin}
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
    const text = words.setUp;
    // With an owner there already, the link is the way back to a lost password: the name stays.
    const isReset = session.state !== 'fresh';
    return html`
      ${isReset ? head(words.join.reset, words.join.resetLead) : head(text.title, text.lead)}
      <form @submit=${(event) => this.submitted(event, (values) => this.#send(values))}>
        ${this.token
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
      ${this.link ? html`<p class="hint">${words.join.until(dateText(this.link.expires_at))}</p>` : nothing}
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
    const text = words.join;
    const { role, kind, name = '', expires_at: until } = this.link;
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
