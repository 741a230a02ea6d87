import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { agoText, dateText } from '../core/format.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';
import { ListElement, onceShown } from './list.js';
import { personDetails } from './person.js';

const HOURS = [24, 72, 168];
const INVITED = ['member', 'guest'];

const validityText = (hours) =>
  hours % 24 ? t('shell.time.hours', { count: hours }) : t('shell.time.days', { count: hours / 24 });

/** Whether an address means the very machine it is opened on, whoever opens it. */
function isOnlyHere(url) {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}

class PeopleInvite extends ListElement {
  async load() {
    return (await api.get('/api/invitations')).invitations;
  }

  render() {
    return html`
      <section class="card">
        <h2>${t('people.invite')}</h2>
        <p class="hint">${t('people.inviteHelp')}</p>
        ${isOnlyHere(session.publicUrl)
          ? html`<p class="banner is-note">${icon('warning')}<span>${t('people.onlyHere')} <code>STUDIO_PUBLIC_URL</code></span></p>`
          : nothing}
        <form class="inline" @submit=${(event) => this.submitted(event, (values) => this.#make(values))}>
          <label class="field">
            <span>${t('people.role')}</span>
            <select name="role">
              ${INVITED.map((role) => html`<option value=${role}>${t(`people.roles.${role}`)}</option>`)}
            </select>
          </label>
          <label class="field">
            <span>${t('people.expires')}</span>
            <select name="hours">
              ${HOURS.map(
                (hours) => html`<option value=${hours} ?selected=${hours === 72}>${validityText(hours)}</option>`,
              )}
            </select>
          </label>
          <button class="primary" ?disabled=${this.busy}>${t('people.makeLink')}</button>
        </form>
        ${this.problem()} ${onceShown(this.made, t('people.linkOnce'))}
        ${this.items?.length ? html`<h3>${t('people.invitations')}</h3>` : nothing}
        ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  async #make({ role, hours }) {
    const made = await api.post('/api/invitations', { role, expires_in_hours: Number(hours) });
    this.made = made.url;
    await this.reload();
  }

  #row(item) {
    return html`
      <div class="row-words">
        <span class="row-title">${t(`people.roles.${item.role}`)}</span>
        <span class="hint">${t('people.until', { time: dateText(item.expires_at) })}</span>
      </div>
      <button @click=${() => this.change(() => api.remove(`/api/invitations/${item.id}`))}>
        ${t('shell.remove')}
      </button>
    `;
  }
}

class PeopleList extends ListElement {
  constructor() {
    super();
    this.keys = [];
    this.usual = {};
    this.onLimits = () => this.reload();
  }

  connectedCallback() {
    super.connectedCallback();
    this.parentElement.addEventListener('limits', this.onLimits);
  }

  async load() {
    const [{ users }, { keys }, { roles }] = await Promise.all(
      ['/api/users', '/api/keys', '/api/quotas'].map((path) => api.get(path)),
    );
    Object.assign(this, { keys, usual: roles });
    return users;
  }

  render() {
    return html`
      <section class="card">
        <h2>${t('people.users')}</h2>
        ${this.rows((user) => this.#row(user))}
        ${onceShown(this.reset?.url, t('people.resetOnce', { name: this.reset?.name }))}
      </section>
    `;
  }

  #row(user) {
    const seen = user.last_seen_at ? t('people.lastSeen', { time: agoText(user.last_seen_at) }) : t('people.never');
    const isSelf = user.id === session.user?.id;
    return html`
      <div class="row-words">
        <span class="row-title">${user.name}</span>
        <span class="hint">${user.disabled_at ? t('people.disabled') : seen}</span>
      </div>
      ${isSelf ? html`<span class="hint">${t(`people.roles.${user.role}`)}</span>` : this.#controls(user)}
      ${personDetails({
        user,
        keys: this.keys.filter((key) => key.user_id === user.id),
        usual: this.usual[user.role],
        change: (action) => this.change(action),
      })}
    `;
  }

  #controls(user) {
    const patch = (values) => this.change(() => api.patch(`/api/users/${user.id}`, values));
    return html`
      <select aria-label=${t('people.role')} @change=${({ target }) => patch({ role: target.value })}>
        ${INVITED.map(
          (role) => html`<option value=${role} .selected=${user.role === role}>${t(`people.roles.${role}`)}</option>`,
        )}
      </select>
      <button @click=${() => this.#reset(user)}>${t('people.reset')}</button>
      <button @click=${() => patch({ disabled: !user.disabled_at })}>
        ${user.disabled_at ? t('people.enable') : t('people.disable')}
      </button>
    `;
  }

  #reset(user) {
    return this.change(async () => {
      const { url } = await api.post(`/api/users/${user.id}/reset`);
      this.reset = { name: user.name, url };
    });
  }
}

customElements.define('people-invite', PeopleInvite);
customElements.define('people-list', PeopleList);
