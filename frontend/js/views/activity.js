import { Element, html, nothing, repeat } from '../core/element.js';
import { address, api } from '../core/api.js';
import { agoText, dateText, sizeText } from '../core/format.js';
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
  'password',
  'user',
  'invitation',
  'quota',
  'key',
  'program',
  'secret',
  'setting',
  'queue',
  'job',
  'engine',
  'editor',
  'workflow',
  'preset',
  'batch',
  'share',
  'asset',
  'download',
  'library',
  'model',
  'language',
  'webhook',
  'telegram',
  'studio',
  'update',
];
const ICONS = {
  model: 'file',
  session: 'account',
  login: 'account',
  password: 'key',
  user: 'people',
  invitation: 'people',
  quota: 'people',
  key: 'key',
  program: 'key',
  secret: 'key',
  setting: 'settings',
  queue: 'queue',
  job: 'queue',
  engine: 'system',
  workflow: 'workflows',
  editor: 'editor',
  library: 'library',
  share: 'link',
  webhook: 'link',
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

/** Whoever did these did them to themselves: their name is said already. */
const OWN = ['session', 'login', 'password', 'studio', 'library'];

/** Where what was done can be looked at; who may not go there has no link. */
function placeOf({ kind, subject, data }) {
  const [group] = kind.split('.');
  if (group === 'workflow') return kind === 'workflow.trashed' ? 'workflows' : `workflows/${encodeURIComponent(subject)}`;
  if (group === 'batch') return data?.id ? `batch/${data.id}` : 'batch';
  if (kind === 'library.rules') return session.can('admin') ? 'settings/retention' : '';
  return session.isOwner || !OWNERS_PLACES.has(group) ? (PLACES[group] ?? '') : '';
}

const PLACES = {
  library: 'library',
  queue: 'queue',
  job: 'queue',
  key: 'settings/keys',
  user: 'settings/people',
  invitation: 'settings/people',
  secret: 'settings/services',
  setting: 'settings/server',
  engine: 'system',
};
const OWNERS_PLACES = new Set(['user', 'invitation', 'secret', 'setting', 'engine']);

/** What else is known of it, in words; what has none is for programs. */
const FACTS = {
  role: (value) => t(`people.roles.${value}`),
  bytes: sizeText,
};

function factsOf({ kind, data }) {
  return Object.entries(data ?? {})
    .filter(([field, value]) => value !== null && has(`activity.fact.${field}`) && !(field === 'name' && kind !== 'user.renamed'))
    .map(([field, value]) => t(`activity.fact.${field}`, { value: FACTS[field]?.(value) ?? value, count: Number(value) }));
}

function entry(item) {
  const { at, user_name: name, kind, subject, data } = item;
  const [group] = kind.split('.');
  const key = `activity.did.${kind}`;
  const facts = factsOf(item);
  const place = placeOf(item);
  const shown = subjectOf(kind, subject, data);
  return html`
    <li>
      <span class="timeline-mark">${icon(ICONS[group] ?? 'activity')}</span>
      <div class="row-words">
        <span>
          <strong>${name ?? t('activity.nobody')}</strong> ${has(key) ? t(key, { count: data?.count ?? 0 }) : kind}
          ${!shown
            ? nothing
            : place
              ? html`<a class="timeline-subject" href=${`#/${place}`}>${shown}</a>`
              : html`<span class="timeline-subject">${shown}</span>`}
        </span>
        ${facts.length ? html`<span class="hint">${facts.join(' · ')}</span>` : nothing}
      </div>
      <time class="hint" datetime=${at} title=${dateText(at)}>${agoText(at)}</time>
    </li>
  `;
}

/** What it was done to, by its name. */
function subjectOf(kind, subject, data) {
  const [group] = kind.split('.');
  if (kind === 'invitation.created') return t(`people.roles.${subject}`);
  if (group === 'library') return t('shell.views.library');
  if (OWN.includes(group) && kind !== 'login.failed') return '';
  if (group === 'workflow') return data?.name ?? subject;
  return kind === 'user.joined' ? '' : subject;
}

customElements.define('activity-view', ActivityView);
