import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { agoText, dateText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { icon } from '../icons.js';
import { ListElement, onceShown } from '../list.js';

/* Chats are paired on another screen: the page looks again while it is open. */
const LOOK_MS = 4000;
const TROUBLED = ['refused', 'elsewhere', 'unreachable'];

/** The bot: how it is, a code that pairs a chat, and the chats there are. */
class SettingsTelegram extends ListElement {
  constructor() {
    super();
    this.presets = [];
    this.made = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.timer = setInterval(() => document.hidden || this.busy || this.reload(), LOOK_MS);
    notices.attempt(async () => {
      this.presets = (await api.get('/api/presets?limit=500')).items;
      this.requestUpdate();
    });
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    super.disconnectedCallback();
  }

  async load() {
    this.bot = await api.get('/api/telegram');
    if (this.made && Date.parse(this.made.expires_at) < Date.now()) this.made = null;
    return this.bot.chats;
  }

  render() {
    return html`
      <section class="card">${this.#state()}</section>
      <section class="card">
        <h2>${t('telegram.pair')}</h2>
        <p class="hint">${t('telegram.pairHelp')}</p>
        <form @submit=${(event) => this.submitted(event, () => this.#make())}>
          <button class="primary" ?disabled=${this.busy}>${icon('plus')}${t('telegram.makeCode')}</button>
        </form>
        ${this.problem()} ${this.#code()}
      </section>
      <section class="card">
        <h2>${t('telegram.chats')}</h2>
        ${this.items?.length === 0 ? html`<p class="hint">${t('telegram.noChats')}</p>` : nothing}
        ${this.rows((chat) => this.#row(chat))}
      </section>
    `;
  }

  #state() {
    if (!this.bot) return nothing;
    const { state, bot, message } = this.bot;
    const asked = this.bot.asked_at ? t('telegram.asked', { time: agoText(this.bot.asked_at) }) : '';
    const help = TROUBLED.includes(state) ? t(`telegram.help.${state}`) : '';
    return html`
      <p class=${TROUBLED.includes(state) ? 'banner is-note' : ''} role="status">
        ${TROUBLED.includes(state) ? icon('warning') : nothing}
        <span>${bot ? html`<strong>@${bot.username}</strong> · ` : nothing}${t(`telegram.states.${state}`)}</span>
      </p>
      ${[asked, help, state === 'unreachable' ? message : '']
        .filter(Boolean)
        .map((text) => html`<p class="hint">${text}</p>`)}
      ${state === 'off' || state === 'refused' ? this.#whereTheTokenIs() : nothing}
    `;
  }

  #whereTheTokenIs() {
    if (!session.can('admin')) return html`<p class="hint">${t('telegram.askOwner')}</p>`;
    return html`<p class="hint">${t('telegram.tokenHelp')} <a class="link" href="#/settings/services">${t('telegram.tokenOpen')}</a></p>`;
  }

  #code() {
    if (!this.made) return nothing;
    return html`
      ${onceShown(`/start ${this.made.code}`, t('telegram.codeOnce', { time: dateText(this.made.expires_at) }))}
      ${this.made.url
        ? html`<p><a class="button" href=${this.made.url} target="_blank" rel="noreferrer">${icon('link')}${t('telegram.open')}</a></p>`
        : nothing}
    `;
  }

  async #make() {
    this.made = await api.post('/api/telegram/code');
  }

  #row(chat) {
    const isOwn = chat.user_id === session.user?.id;
    const known = [chat.username ? `@${chat.username}` : '', isOwn ? '' : chat.user_name].filter(Boolean);
    const since = chat.blocked_at
      ? t('telegram.blocked')
      : t('telegram.since', { time: dateText(chat.paired_at) });
    return html`
      <div class="row-words">
        <span class="row-title">${chat.name}</span>
        <span class="hint">${[...known, since].join(' · ')}</span>
      </div>
      <div class="inline-buttons">
        <button @click=${() => this.#test(chat)}>${icon('check')}${t('telegram.test')}</button>
        <button @click=${() => this.change(() => api.remove(`/api/telegram/chats/${chat.id}`))}>
          ${icon('close')}${t('telegram.disconnect')}
        </button>
      </div>
      ${isOwn ? this.#choices(chat) : nothing}
    `;
  }

  #choices(chat) {
    const patch = (values) => this.change(() => api.patch(`/api/telegram/chats/${chat.id}`, values));
    const check = (name, label) => html`
      <label class="check">
        <input type="checkbox" .checked=${chat[name]} @change=${({ target }) => patch({ [name]: target.checked })} />
        <span>${label}</span>
      </label>
    `;
    return html`
      <div class="telegram-choices">
        <label class="field">
          <span>${t('telegram.defaultPreset')}</span>
          <select @change=${({ target }) => patch({ default_preset: target.value || null })}>
            <option value="" .selected=${!chat.default_preset}>${t('telegram.noPreset')}</option>
            ${this.presets.map(
              ({ id, name }) =>
                html`<option value=${id} .selected=${id === chat.default_preset}>${name}</option>`,
            )}
          </select>
        </label>
        ${check('notify_jobs', t('telegram.notifyJobs'))}
        ${session.isOwner ? check('notify_disk', t('telegram.notifyDisk')) : nothing}
      </div>
    `;
  }

  #test(chat) {
    return notices.attempt(async () => {
      await api.post(`/api/telegram/chats/${chat.id}/test`);
      notices.say(t('telegram.tested'));
    });
  }
}

customElements.define('settings-telegram', SettingsTelegram);
