import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { icon } from '../icons.js';
import { ListElement } from '../list.js';

/** Tokens for other services. They are written here and never shown again. */
class SettingsServices extends ListElement {
  constructor() {
    super();
    /** What became of a test, by key. */
    this.tests = {};
  }

  async load() {
    const { groups } = await api.get('/api/settings');
    return groups.find(({ id }) => id === 'tokens')?.items ?? [];
  }

  render() {
    return html`
      <section class="card">
        <p class="hint">${t('settings.servicesHelp')}</p>
        ${this.problem()} ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  #row(item) {
    const { key } = item;
    return html`
      <form class="token" @submit=${(event) => this.submitted(event, (values) => this.#store(event.target, key, values))}>
        <label class="field">
          <span>${t(`settings.tokens.${key}`)} <code>${key}</code></span>
          <input
            name="value"
            type="password"
            autocomplete="off"
            required
            maxlength="512"
            ?disabled=${!item.editable}
            placeholder=${t(item.set ? 'settings.tokenSet' : 'settings.tokenNone')}
          />
        </label>
        <div class="inline-buttons">
          ${item.editable ? html`<button ?disabled=${this.busy}>${t('settings.store')}</button>` : nothing}
          ${item.set
            ? html`<button type="button" @click=${() => this.#test(key)}>${icon('check')}${t('settings.test')}</button>`
            : nothing}
          ${item.editable && item.source === 'stored'
            ? html`<button type="button" @click=${() => this.#forget(key)}>${t('shell.remove')}</button>`
            : nothing}
        </div>
        ${item.source === 'env' ? html`<p class="hint">${t('settings.byEnvironment')}</p>` : nothing}
        <p class="hint" role="status">${this.tests[key] ? testText(this.tests[key]) : ''}</p>
      </form>
    `;
  }

  async #store(form, key, { value }) {
    await api.put(`/api/settings/${key}`, { value: value.trim() });
    form.reset();
    delete this.tests[key];
    await this.reload();
  }

  #forget(key) {
    delete this.tests[key];
    return this.change(() => api.remove(`/api/settings/${key}`));
  }

  async #test(key) {
    this.tests[key] = { isRunning: true };
    this.requestUpdate();
    await notices.attempt(async () => {
      this.tests[key] = null;
      this.tests[key] = await api.post(`/api/settings/${key}/test`);
    });
    this.requestUpdate();
  }
}

function testText({ isRunning, ok, account, reason, message }) {
  if (isRunning) return t('settings.testing');
  if (ok) return account ? t('settings.testOkOf', { account }) : t('settings.testOk');
  return reason === 'refused' ? t('settings.testRefused') : message;
}

customElements.define('settings-services', SettingsServices);
