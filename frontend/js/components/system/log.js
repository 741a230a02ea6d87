import { Element, html, nothing, repeat } from '../../core/element.js';
import { address, api } from '../../core/api.js';
import { dateText } from '../../core/format.js';
import { keepLooking } from '../../core/looking.js';
import { t } from '../../core/messages.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';

const PATH = '/api/system/logs';
const PAGE = 100;
const LOOK_MS = 4000;
const TYPING_MS = 250;
const LEVELS = ['debug', 'info', 'warning', 'error'];
const NAMES = ['request', 'job', 'user'];

/** Studio's own log, newest first, as it comes. */
class SystemLog extends Element {
  constructor() {
    super();
    this.query = { level: 'info', text: '', request: '', job: '', user: '' };
    this.entries = null;
    this.older = null;
    this.error = null;
    this.isLong = false;
    // Whoever reads further down is not carried away.
    keepLooking(this, LOOK_MS, () => this.isLong || this.#load());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.typing);
  }

  async #load(before = null) {
    const { query } = this;
    try {
      const page = await api.get(address(PATH, { ...query, limit: PAGE, before }));
      if (query !== this.query || (!before && this.isLong)) return;
      this.entries = before ? [...this.entries, ...page.entries] : page.entries;
      this.older = page.older;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  #ask(some) {
    this.query = { ...this.query, ...some };
    this.isLong = false;
    this.requestUpdate();
    this.#load();
  }

  render() {
    const { query, entries } = this;
    const onText = ({ target }) => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#ask({ text: target.value.trim() }), TYPING_MS);
    };
    return html`
      <section class="card system-log">
        <header class="view-head">
          <h2>${t('system.log')}</h2>
          <a class="button bare" download href=${address(`${PATH}/download`, query)}>${icon('download')}${t('system.logGet')}</a>
        </header>
        <div class="activity-filter">
          <input type="search" aria-label=${t('system.logSearch')} placeholder=${t('system.logSearch')} maxlength="200" @input=${onText} />
          <select aria-label=${t('system.logLevel')} @change=${({ target }) => this.#ask({ level: target.value })}>
            ${LEVELS.map(
              (level) => html`<option value=${level} ?selected=${level === query.level}>${t(`system.levels.${level}`)}</option>`,
            )}
          </select>
        </div>
        ${NAMES.filter((name) => query[name]).map(
          (name) => html`<button class="log-only" @click=${() => this.#ask({ [name]: '' })}>
            ${t(`system.logOnly.${name}`, { id: query[name] })} ${icon('close')}
          </button>`,
        )}
        ${this.error ? errorText(this.error) : nothing}
        ${entries && !entries.length ? html`<p class="hint">${t('system.logNone')}</p>` : nothing}
        <ol class="log-entries" aria-label=${t('system.log')}>
          ${repeat(
            entries ?? [],
            (entry) => `${entry.at} ${entry.message}`,
            (entry) => this.#entry(entry),
          )}
        </ol>
        ${this.older
          ? html`<button @click=${() => this.#more()}>${t('system.logOlder')}</button>`
          : nothing}
      </section>
    `;
  }

  #more() {
    this.isLong = true;
    return this.#load(this.older);
  }

  #entry(entry) {
    return html`
      <li class="log-entry is-${entry.level}">
        <span class="hint">
          <time datetime=${entry.at}>${dateText(entry.at)}</time> · ${entry.level}
          ${NAMES.filter((name) => entry[name]).map(
            (name) => html`<button class="bare" title=${entry[name]} @click=${() => this.#ask({ [name]: entry[name] })}>
              ${t(`system.logSame.${name}`)}
            </button>`,
          )}
        </span>
        <span class="log-text">${entry.message}</span>
        ${entry.error ? html`<pre class="log">${entry.error}</pre>` : nothing}
      </li>
    `;
  }
}

customElements.define('system-log', SystemLog);
