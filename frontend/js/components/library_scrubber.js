import { Element, html, nothing } from '../core/element.js';
import { language, t } from '../core/messages.js';
import { library } from '../models/library.js';

const monthName = new Intl.DateTimeFormat(language, { month: 'short', timeZone: 'UTC' });
const monthLong = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
const dayLong = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeZone: 'UTC' });
const LABEL_PX = 20;
const LEAST_SCREENS = 2;
const AWAKE_MS = 1400;
const at = (day) => new Date(`${day}T00:00:00Z`);

/** The whole time that a library spans, beside it: dragging goes to a day, labels say the months. */
class LibraryScrubber extends Element {
  static properties = { grid: { attribute: false } };

  constructor() {
    super();
    this.watch(library);
    this.moved = () => this.#follow(true);
    this.resized = new ResizeObserver(() => this.requestUpdate());
  }

  connectedCallback() {
    super.connectedCallback();
    this.resized.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.resized.disconnect();
    this.grid?.removeEventListener('moved', this.moved);
    clearTimeout(this.sleep);
  }

  willUpdate(changed) {
    if (changed.has('grid')) {
      changed.get('grid')?.removeEventListener('moved', this.moved);
      this.grid?.addEventListener('moved', this.moved);
    }
    if (library.days === this.known) return;
    this.known = library.days;
    let first = 0;
    this.starts = library.days.map(({ day, count }) => {
      const start = { day, first };
      first += count;
      return start;
    });
  }

  get #isUseful() {
    const { layout } = this.grid ?? {};
    return layout?.count && this.starts?.length > 1 && layout.total > innerHeight * LEAST_SCREENS;
  }

  /** Where a picture stands, between 0 and 1. */
  #part(index) {
    const { layout } = this.grid;
    return layout.tops[layout.rowOf(index)] / layout.total;
  }

  render() {
    if (!this.#isUseful) return nothing;
    return html`
      <div
        class="scrubber"
        role="slider"
        tabindex="0"
        aria-orientation="vertical"
        aria-label=${t('library.time')}
        aria-valuemin="0"
        aria-valuemax=${this.starts.length - 1}
        @pointerdown=${(event) => this.#down(event)}
        @pointermove=${(event) => this.held && this.#go(event)}
        @pointerup=${() => this.#release()}
        @pointercancel=${() => this.#release()}
        @keydown=${(event) => this.#key(event)}
      >
        ${this.#labels().map(
          ({ text, part, isYear }) => html`<span class="scrubber-label ${isYear ? 'is-year' : ''}" aria-hidden="true"
            .style=${`top: ${part * 100}%`}>${text}</span>`,
        )}
        <span class="scrubber-thumb" aria-hidden="true"></span>
        <span class="scrubber-bubble" aria-hidden="true"></span>
      </div>
    `;
  }

  updated() {
    this.#follow();
  }

  /** A label for each year, and for months where there is room. */
  #labels() {
    const height = this.clientHeight || 1;
    const found = [];
    let [month, year] = ['', ''];
    for (const { day, first } of this.starts) {
      if (day.slice(0, 7) === month) continue;
      month = day.slice(0, 7);
      const isYear = day.slice(0, 4) !== year;
      year = day.slice(0, 4);
      const label = { text: isYear ? year : monthName.format(at(day)), part: this.#part(first), isYear };
      const room = (label.part - (found.at(-1)?.part ?? -1)) * height;
      if (room >= LABEL_PX) found.push(label);
      else if (isYear) found.splice(found.length - 1, 1, label);
    }
    return found;
  }

  /** The day that is at the upper edge of the screen. */
  #dayAt(index) {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.starts[middle].first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Set without a render: this happens with every frame while somebody scrolls. */
  #follow(isMoving = false) {
    const bar = this.querySelector('.scrubber');
    if (!bar || !this.#isUseful) return;
    const { layout } = this.grid;
    const top = Math.max(0, Math.min(layout.total - 1, this.grid.top));
    const place = this.#dayAt(layout.first[layout.rowAt(top + 1)]);
    const { day } = this.starts[place];
    const part = `${(top / layout.total) * 100}%`;
    const [thumb, bubble] = bar.querySelectorAll('.scrubber-thumb, .scrubber-bubble');
    thumb.style.top = part;
    bubble.style.top = part;
    const said = this.held ? dayLong.format(at(day)) : monthLong.format(at(day));
    if (bubble.textContent !== said) bubble.textContent = said;
    bar.setAttribute('aria-valuenow', place);
    bar.setAttribute('aria-valuetext', dayLong.format(at(day)));
    if (!isMoving) return;
    bar.classList.add('is-awake');
    clearTimeout(this.sleep);
    this.sleep = setTimeout(() => bar.classList.remove('is-awake'), AWAKE_MS);
  }

  #down(event) {
    if (event.button) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus();
    this.held = true;
    event.currentTarget.classList.add('is-held');
    this.#go(event);
  }

  #release() {
    this.held = false;
    this.querySelector('.scrubber')?.classList.remove('is-held');
    this.#follow();
  }

  #go({ clientY }) {
    const { top, height } = this.querySelector('.scrubber').getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (clientY - top) / height));
    scrollBy(0, part * this.grid.layout.total - this.grid.top);
  }

  #key(event) {
    const here = this.#dayAt(this.grid.layout.first[this.grid.layout.rowAt(this.grid.top + 1)]);
    const last = this.starts.length - 1;
    const to = {
      ArrowDown: here + 1,
      ArrowUp: here - 1,
      PageDown: this.#month(here, 1),
      PageUp: this.#month(here, -1),
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const { layout } = this.grid;
    const { first } = this.starts[Math.max(0, Math.min(last, to))];
    scrollBy(0, layout.tops[layout.rowOf(first)] - this.grid.top);
  }

  /** The nearest day of another month. */
  #month(from, by) {
    const month = this.starts[from].day.slice(0, 7);
    let place = from;
    while (this.starts[place]?.day.startsWith(month)) place += by;
    return place;
  }
}

customElements.define('library-scrubber', LibraryScrubber);
