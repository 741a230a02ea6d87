import { Element, html, nothing, repeat } from '../core/element.js';
import { address, api } from '../core/api.js';
import { agoText, dateText } from '../core/format.js';
import { has, t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { session } from '../models/session.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';

const PAGE = 100;
const TYPING_MS = 250;
const MINUTE_MS = 60_000;
/** What can be chosen: everything that begins so. */
const KINDS = [
  'session',
  'login',
  'user',
  'invitation',
  'key',
  'setting',
  'queue',
  'job',
  'engine',
  'workflow',
  'preset',
  'batch',
  'asset',
  'download',
  'library',
  'model',
];
const ICONS = {
  model: 'file',
  session: 'account',
  login: 'account',
  password: 'key',
  user: 'people',
  invitation: 'people',
  key: 'key',
  secret: 'key',
  setting: 'settings',
  queue: 'queue',
  job: 'queue',
  engine: 'system',
  workflow: 'workflows',
  editor: 'editor',
};

/** Who did what, as it happens. */
class ActivityView extends Element {
  constructor() {
    super();
    this.filter = { user: '', kind: '', q: '' };
    this.users = [];
    this.#restart();
  }

  connectedCallback() {
    super.connectedCallback();
    this.unfollow = feed.follow('activity', (event, data) => {
      // The snapshot has what happened while nothing could be told.
      for (const item of event === 'snapshot' ? data.items.reverse() : [data]) this.#add(item);
    });
    // "Just now" does not stay true.
    this.clock = setInterval(() => this.requestUpdate(), MINUTE_MS);
    this.#again();
    if (session.isOwner) this.#loadUsers();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.unfollow();
    clearInterval(this.clock);
    clearTimeout(this.typing);
    clearTimeout(this.searching);
  }

  #restart() {
    this.items = null;
    this.cursor = null;
    this.error = null;
    this.question = {};
  }

  async #loadUsers() {
    try {
      this.users = (await api.get('/api/users')).users;
      this.requestUpdate();
    } catch {
      // Then nobody can be chosen; all that was done is shown.
    }
  }

  async #load() {
    const { question } = this;
    this.isBusy = true;
    try {
      const page = await api.get(address('/api/activity', { ...this.filter, before: this.cursor, limit: PAGE }));
      if (question !== this.question) return;
      this.items = [...(this.items ?? []), ...page.items];
      this.cursor = page.next_cursor;
      this.error = null;
    } catch (error) {
      if (question !== this.question) return;
      this.error = error;
    }
    this.isBusy = false;
    this.requestUpdate();
  }

  #again() {
    this.#restart();
    this.requestUpdate();
    this.#load();
  }

  /** What happens now, if it is asked for. */
  #add(item) {
    const { user, kind, q } = this.filter;
    const isMeant = (!user || item.user_id === user) && item.kind.startsWith(kind);
    if (!isMeant || !this.items || this.items.some(({ id }) => id >= item.id)) return;
    if (q) this.#searchNewer();
    else {
      this.items = [item, ...this.items];
      this.requestUpdate();
    }
  }

  /** Words are Studio's to search. */
  #searchNewer() {
    clearTimeout(this.searching);
    this.searching = setTimeout(async () => {
      const { question } = this;
      try {
        const page = await api.get(address('/api/activity', { ...this.filter, limit: PAGE }));
        if (question !== this.question || !this.items) return;
        const newest = this.items[0]?.id ?? 0;
        this.items = [...page.items.filter(({ id }) => id > newest), ...this.items];
        this.requestUpdate();
      } catch {
        // The next entry has it asked for again.
      }
    }, TYPING_MS);
  }

  render() {
    return html`
      <div class="view activity">
        <header class="view-head">
          <h1>${t('shell.views.activity')}</h1>
        </header>
        <div class="activity-filter">
          <label class="search">
            ${icon('search')}
            <input
              type="search"
              aria-label=${t('activity.search')}
              placeholder=${t('activity.search')}
              @input=${({ target }) => this.#search(target.value)}
            />
          </label>
          <select aria-label=${t('activity.kind')} @change=${({ target }) => this.#set({ kind: target.value })}>
            <option value="">${t('activity.everything')}</option>
            ${KINDS.map((kind) => html`<option value=${`${kind}.`}>${t(`activity.kinds.${kind}`)}</option>`)}
          </select>
          ${this.users.length > 1
            ? html`<select aria-label=${t('activity.user')} @change=${({ target }) => this.#set({ user: target.value })}>
                <option value="">${t('activity.everybody')}</option>
                ${this.users.map((user) => html`<option value=${user.id}>${user.name}</option>`)}
              </select>`
            : nothing}
        </div>
        ${this.error
          ? html`<div class="problem" role="alert">
              ${errorText(this.error)}
              <button @click=${() => this.#load()}>${icon('again')}${t('shell.tryAgain')}</button>
            </div>`
          : nothing}
        ${this.items?.length === 0
          ? html`<div class="empty">${icon('activity')}<p>${t('activity.nothing')}</p></div>`
          : nothing}
        <ol class="timeline" aria-live="polite">
          ${repeat(
            this.items ?? [],
            ({ id }) => id,
            (item) => entry(item),
          )}
        </ol>
        ${this.cursor && !this.error
          ? html`<button ?disabled=${this.isBusy} @click=${() => this.#load()}>${t('activity.older')}</button>`
          : nothing}
      </div>
    `;
  }

  #search(q) {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#set({ q: q.trim() }), TYPING_MS);
  }

  #set(some) {
    this.filter = { ...this.filter, ...some };
    this.#again();
  }
}

function entry({ at, user_name: name, kind, subject, data }) {
  const key = `activity.did.${kind}`;
  const more = Object.entries(data ?? {}).map(([field, value]) => `${field}: ${plain(value)}`);
  return html`
    <li>
      <span class="timeline-mark">${icon(ICONS[kind.split('.')[0]] ?? 'activity')}</span>
      <div class="row-words">
        <span>
          <strong>${name ?? t('activity.nobody')}</strong> ${has(key) ? t(key) : kind}
          ${subject && subject !== name ? html`<span class="timeline-subject">${subject}</span>` : nothing}
        </span>
        ${more.length ? html`<span class="hint">${more.join(' · ')}</span>` : nothing}
      </div>
      <time class="hint" datetime=${at} title=${dateText(at)}>${agoText(at)}</time>
    </li>
  `;
}

const plain = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));

customElements.define('activity-view', ActivityView);
