import { Element, html, nothing } from '../core/element.js';
import { address, api } from '../core/api.js';
import { copyText } from '../core/clipboard.js';
import { t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { errorText } from './form.js';
import { icon } from './icons.js';

/* While nothing comes live it is asked for. */
const LOOK_MS = 1500;
const TAIL = 500;
const MOST_LINES = 5000;
const NEAR_PX = 40;

/** What an engine writes, as it does; it stays at the end unless somebody reads further up. */
class EngineLog extends Element {
  static properties = { name: {} };

  constructor() {
    super();
    this.lines = null;
    this.error = null;
    this.isAtEnd = true;
  }

  connectedCallback() {
    super.connectedCallback();
    this.unfollow = feed.follow('logs', (event, part) => this.#hear(event, part));
    this.timer = setInterval(() => {
      if (!feed.isLive && document.visibilityState === 'visible') this.#look();
    }, LOOK_MS);
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.unfollow();
    clearInterval(this.timer);
  }

  /** What was written is told with its place: where it does not follow, it is asked for. */
  #hear(event, { engine, after, lines, next }) {
    if (event === 'snapshot') this.#look();
    else if (engine !== this.name || next === this.next) return;
    else if (after !== this.next || this.isBusy) this.#look();
    else {
      this.#add(lines);
      this.next = next;
      this.requestUpdate();
    }
  }

  #add(lines, { fresh = false } = {}) {
    const before = fresh ? [] : (this.lines ?? []);
    if (lines.length || !this.lines) this.lines = [...before, ...lines].slice(-MOST_LINES);
  }

  async #look() {
    this.isBehind = this.isBusy;
    if (this.isBusy) return;
    this.isBusy = true;
    const path = `/api/system/engines/${encodeURIComponent(this.name)}/logs`;
    try {
      const { lines, next, fresh } = await api.get(
        address(path, this.next ? { after: this.next, tail: MOST_LINES } : { tail: TAIL }),
      );
      this.#add(lines, { fresh });
      this.next = next;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
    this.requestUpdate();
    // More was written while it was asked for.
    if (this.isBehind) this.#look();
  }

  render() {
    const text = (this.lines ?? []).join('\n');
    const copy = () => copyText(text).then(() => notices.say(t('shell.copied')));
    return html`
      ${this.error ? errorText(this.error) : nothing}
      ${this.lines
        ? html`<pre class="log" tabindex="0" role="log" aria-label=${t('system.logOf', { name: this.name })} @scroll=${({ target }) => this.#onScroll(target)}>${text ||
            t('system.logEmpty')}</pre>
            <div><button class="bare" @click=${() => notices.attempt(copy)}>${icon('copy')}${t('shell.copy')}</button></div>`
        : nothing}
    `;
  }

  updated() {
    const box = this.querySelector('.log');
    if (box && this.isAtEnd) box.scrollTop = box.scrollHeight;
  }

  #onScroll(box) {
    this.isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  }
}

customElements.define('engine-log', EngineLog);
