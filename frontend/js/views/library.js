import { Element, html, nothing } from '../core/element.js';
import { address, api } from '../core/api.js';
import { t } from '../core/messages.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { itemsOf, tiles } from '../components/tiles.js';
import { byAge } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';

const PAGE = 40;
const TYPING_MS = 250;

/** Everything that was made, newest first; more comes as one scrolls. */
class LibraryView extends Element {
  constructor() {
    super();
    this.query = '';
    this.everybody = false;
    /** Names by user, once everybody's pictures are shown. */
    this.names = new Map();
    this.#restart();
    this.watch(jobs);
  }

  connectedCallback() {
    super.connectedCallback();
    this.observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.#load(),
      { rootMargin: '600px' },
    );
  }

  firstUpdated() {
    this.observer.observe(this.querySelector('.library-end'));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
    clearTimeout(this.typing);
  }

  #restart() {
    this.found = [];
    this.cursor = null;
    this.isDone = false;
    this.error = null;
    // An answer to an earlier question must not land among those of this one.
    this.question = {};
    this.busy = false;
  }

  async #load() {
    if (this.busy || this.isDone) return;
    this.busy = true;
    const { question } = this;
    try {
      const page = await api.get(
        address('/api/jobs', {
          status: 'succeeded',
          q: this.query,
          user: this.everybody ? '' : 'me',
          limit: PAGE,
          cursor: this.cursor,
        }),
      );
      if (question !== this.question) return;
      this.found.push(...page.jobs);
      this.cursor = page.next_cursor;
      this.isDone = page.next_cursor === null;
      this.error = null;
    } catch (error) {
      if (question !== this.question) return;
      this.error = error;
      this.isDone = true;
    }
    this.busy = false;
    this.requestUpdate();
    await this.updateComplete;
    this.#loadIfNear();
  }

  /** The observer tells of changes alone; a short page leaves the end where it was. */
  #loadIfNear() {
    const end = this.querySelector('.library-end');
    if (end && end.getBoundingClientRect().top < innerHeight + 600) this.#load();
  }

  #again() {
    this.#restart();
    this.requestUpdate();
    this.#load();
  }

  get shown() {
    const found = new Map(this.found.map((job) => [job.id, job]));
    // A search is Studio's to answer; without one, what ends now belongs on top.
    const oldest = this.found.at(-1)?.created_at ?? '';
    const fresh = this.query ? [] : jobs.all.filter((job) => job.created_at >= oldest);
    for (const job of fresh) if (job.status === 'succeeded') found.set(job.id, job);
    return [...found.values()]
      .filter((job) => this.everybody || job.user_id === session.user?.id)
      .sort(byAge);
  }

  render() {
    const shown = this.shown;
    const hasPictures = itemsOf(shown).length > 0;
    return html`
      <div class="view">
        <header class="view-head">
          <h1>${t('library.title')}</h1>
          <label class="search">
            ${icon('search')}
            <input
              type="search"
              placeholder=${t('library.search')}
              aria-label=${t('library.search')}
              @input=${({ target }) => this.#search(target.value)}
            />
          </label>
          ${session.isOwner
            ? html`<label class="check">
                <input type="checkbox" @change=${({ target }) => this.#setEverybody(target.checked)} />
                ${t('library.everybody')}
              </label>`
            : nothing}
        </header>
        ${tiles(shown, { nameOf: (job) => this.names.get(job.user_id) ?? '' })}
        ${this.error
          ? html`<div class="problem" role="alert">
              ${errorText(this.error)}
              <button @click=${() => this.#again()}>${icon('again')}${t('shell.tryAgain')}</button>
            </div>`
          : nothing}
        ${this.isDone && !this.error && !hasPictures ? this.#empty() : nothing}
        <p class="library-end hint" role="status">
          ${this.isDone && hasPictures ? t('library.end') : ''}${this.busy ? t('shell.loading') : ''}
        </p>
      </div>
    `;
  }

  #empty() {
    return html`
      <div class="empty">
        ${icon('library')}
        <p>${this.query ? t('library.nothing', { text: this.query }) : t('library.empty')}</p>
        ${this.query
          ? nothing
          : html`<a class="button" href="#/create">${t('shell.toCreate')}</a>`}
      </div>
    `;
  }

  #search(query) {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => {
      this.query = query.trim();
      this.#again();
    }, TYPING_MS);
  }

  async #setEverybody(everybody) {
    this.everybody = everybody;
    this.names = new Map();
    this.#again();
    if (!everybody) return;
    await notices.attempt(async () => {
      const { users } = await api.get('/api/users');
      this.names = new Map(users.map(({ id, name }) => [id, name]));
    });
    this.requestUpdate();
  }
}

customElements.define('library-view', LibraryView);
