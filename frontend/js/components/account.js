import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { agoText, clientText } from '../core/format.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { FormElement } from './form.js';
import { ListElement } from './list.js';


class AccountPassword extends FormElement {
  render() {
    return html`
      <section class="card">
        <h2>${session.user?.name} <small>${t(`people.roles.${session.user?.role}`)}</small></h2>
        <details>
          <summary>${t('people.change')}</summary>
          <form @submit=${(event) => this.submitted(event, (values) => this.#send(event.target, values))}>
            <input class="unseen" autocomplete="username" tabindex="-1" aria-hidden="true" .value=${session.user?.name ?? ''} />
            <password-field name="current" label=${t('people.current')}></password-field>
            <password-field name="fresh" label=${t('people.fresh')} new></password-field>
            ${this.problem()}
            <button class="primary" ?disabled=${this.busy}>${t('people.change')}</button>
          </form>
        </details>
      </section>
    `;
  }

  async #send(form, { current, fresh }) {
    await api.post('/api/session/password', { current, new: fresh });
    form.reset();
    notices.say(t('people.changed'));
  }
}

class AccountSessions extends ListElement {
  async load() {
    return (await api.get('/api/sessions')).sessions;
  }

  render() {
    return html`
      <section class="card">
        <h2>${t('people.sessions')}</h2>
        ${this.rows((item) => this.#row(item))}
        ${this.items?.length > 1
          ? html`<button @click=${() => this.change(() => api.remove('/api/sessions'))}>
              ${t('people.endOthers')}
            </button>`
          : nothing}
      </section>
    `;
  }

  #row(item) {
    return html`
      <div class="row-words">
        <span class="row-title">${clientText(item.client ?? '')}</span>
        <span class="hint">${item.current ? t('people.thisOne') : t('people.used', { time: agoText(item.last_used_at) })}</span>
      </div>
      ${item.current
        ? nothing
        : html`<button @click=${() => this.change(() => api.remove(`/api/sessions/${item.id}`))}>
            ${t('people.endSession')}
          </button>`}
    `;
  }
}

customElements.define('account-password', AccountPassword);
customElements.define('account-sessions', AccountSessions);
