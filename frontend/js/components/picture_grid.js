import { Element, html, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { Layout } from '../models/justified.js';
import { library } from '../models/library.js';
import { selection } from '../models/selection.js';
import { GridBox } from './grid_box.js';
import { onGridKey } from './grid_keys.js';
import { pictureTile } from './picture_tile.js';

/** How much beyond the screen is there before it is scrolled to. */
const AHEAD_PX = 700;
/** Rather nothing than what was passed long ago: pages are asked for where scrolling slows down. */
const FAST_PX = 2500;
const SETTLE_MS = 90;
const LONG_PRESS_MS = 420;
const MOVED_PX = 10;
const GAP = 6;
/** A phone has room for two in a row, whatever a desktop shows. */
const MOST_OF_WIDTH = 0.48;

/**
 * Very many pictures of which only those in sight are in the page. Says `show` with a place,
 * `trash` with what is to go.
 */
class PictureGrid extends Element {
  static properties = {
    target: { type: Number },
    isSquare: { type: Boolean },
    whose: { type: Boolean },
    rows: { state: true },
  };

  constructor() {
    super();
    this.active = 0;
    this.rows = [0, 0];
    this.layout = new Layout([], { width: 0, target: 1, gap: GAP });
    this.watch(library, selection);
    this.onScroll = () => this.#soon();
    this.resized = new ResizeObserver(() => this.requestUpdate());
    this.box = new GridBox(this);
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener('scroll', this.onScroll, { passive: true });
    this.resized.observe(this);
    this.hovers = matchMedia('(hover: hover)').matches;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener('scroll', this.onScroll);
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settled);
    clearTimeout(this.press);
    this.frame = 0;
  }

  /** Where the screen's upper edge is in the grid. */
  get top() {
    return -this.getBoundingClientRect().top;
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#look();
      this.dispatchEvent(new Event('moved'));
    });
  }

  /** Render again only when other rows are in sight. */
  #look() {
    const top = this.top;
    const speed = Math.abs(top - (this.lastTop ?? top));
    this.lastTop = top;
    const rows = this.#rowsAt(top);
    if (rows[0] !== this.rows[0] || rows[1] !== this.rows[1]) this.rows = rows;
    clearTimeout(this.settled);
    if (speed < FAST_PX) this.#need();
    else this.settled = setTimeout(() => this.#need(), SETTLE_MS);
  }

  #rowsAt(top) {
    const { layout } = this;
    return [layout.rowAt(top - AHEAD_PX), layout.rowAt(top + innerHeight + AHEAD_PX)];
  }

  #need() {
    const [first, last] = this.#rowsAt(this.top);
    if (this.layout.count) library.need(this.layout.first[first], this.layout.endOf(last));
  }

  willUpdate() {
    const width = this.clientWidth;
    const target = Math.min(this.target, width * MOST_OF_WIDTH);
    const key = [width, target, this.isSquare].join();
    if (library.ratios !== this.laidOut || key !== this.laidKey) this.#lay(width, target, key);
    this.active = Math.max(0, Math.min(this.active, library.total - 1));
    this.rows = this.#rowsAt(this.top);
  }

  #lay(width, target, key) {
    // Whoever looks at a picture goes on looking at it when the grid is cut anew.
    const before = this.layout;
    const row = before.count && this.laidOut === library.ratios ? before.rowAt(Math.max(0, this.top)) : 0;
    const kept = row ? { index: before.first[row], shift: this.top - before.tops[row] } : null;
    this.layout = new Layout(library.ratios, { width, target, gap: GAP, isSquare: this.isSquare });
    this.laidOut = library.ratios;
    this.laidKey = key;
    if (kept) this.keep = this.layout.tops[this.layout.rowOf(kept.index)] + kept.shift;
  }

  render() {
    const { layout, rows } = this;
    const boxes = [];
    if (layout.count) for (let row = rows[0]; row <= rows[1]; row += 1) boxes.push(...layout.boxes(row));
    // The one that has the keyboard stays, wherever it is.
    if (layout.count && !boxes.some(({ index }) => index === this.active)) boxes.push(layout.box(this.active));
    const state = { total: library.total, whose: this.whose, canDrag: this.hovers };
    return html`
      <div
        class="grid-space ${selection.size ? 'is-choosing' : ''}"
        role="listbox"
        aria-multiselectable="true"
        aria-label=${t('library.pictures')}
        tabindex=${layout.count ? nothing : '0'}
        .style=${`height: ${layout.total}px`}
        @click=${(event) => this.#click(event)}
        @keydown=${(event) => onGridKey(this, event)}
        @focusin=${({ target }) => this.#focused(target)}
        @pointerdown=${(event) => this.#down(event)}
        @contextmenu=${(event) => this.wasLong && event.preventDefault()}
        @dragstart=${(event) => this.#drag(event)}
      >
        ${repeat(
          boxes,
          ({ index }) => library.items[index]?.id ?? index,
          (box) => {
            const item = library.items[box.index];
            const isActive = box.index === this.active;
            return pictureTile(item, box, { ...state, isActive, isChosen: selection.has(item) });
          },
        )}
        ${this.box.frame()}
      </div>
    `;
  }

  updated() {
    if (this.keep !== undefined) {
      scrollBy(0, this.keep - this.top);
      this.keep = undefined;
    }
    this.#focusWanted();
    this.#need();
  }

  // -- the keyboard's place ----------------------------------------------------------------------

  #focused(target) {
    const index = Number(target.closest('[data-index]')?.dataset.index ?? -1);
    if (index < 0 || index === this.active) return;
    this.wanted = undefined;
    this.active = index;
    this.requestUpdate();
  }

  /** Go to a picture, and bring it into sight. */
  focusAt(index) {
    if (!library.total) return;
    this.active = Math.max(0, Math.min(library.total - 1, index));
    this.reveal(this.active);
    this.wanted = this.active;
    this.requestUpdate();
  }

  /** The one that is wanted gets the focus; again once it is known and takes its stand-in's place. */
  #focusWanted() {
    if (this.wanted === undefined) return;
    const cell = this.querySelector(`[data-index="${this.wanted}"]`);
    cell?.focus({ preventScroll: true });
    if (library.items[this.wanted]) this.wanted = undefined;
  }

  reveal(index) {
    const { y, height } = this.layout.box(index);
    const [above, below] = [y - this.top - 80, y + height - this.top - innerHeight + 80];
    if (above < 0) scrollBy(0, above);
    else if (below > 0) scrollBy(0, below);
  }

  // -- the pointer -------------------------------------------------------------------------------

  #click(event) {
    const cell = event.target.closest('[data-index]');
    if (this.wasLong || this.box.wasDrawn || !cell) {
      this.wasLong = false;
      return;
    }
    const index = Number(cell.dataset.index);
    const item = library.items[index];
    const act = event.target.closest('[data-act]')?.dataset.act;
    if (!item) return;
    if (event.shiftKey) selection.range(index);
    else if (act === 'favour') this.#say('favour', item);
    else if (act === 'choose' || event.ctrlKey || event.metaKey || selection.size) selection.toggle(index);
    else this.#say('show', index);
  }

  #down(event) {
    this.wasLong = false;
    clearTimeout(this.press);
    const cell = event.target.closest('[data-index]');
    if (event.pointerType === 'mouse') {
      if (!event.button && cell && event.shiftKey) this.box.begin(event);
      return;
    }
    if (!cell) return;
    const { clientX, clientY } = event;
    const stop = () => clearTimeout(this.press);
    const moved = (move) => Math.hypot(move.clientX - clientX, move.clientY - clientY) > MOVED_PX && stop();
    this.press = setTimeout(() => {
      this.wasLong = true;
      selection.toggle(Number(cell.dataset.index));
      navigator.vibrate?.(10);
    }, LONG_PRESS_MS);
    const listening = new AbortController();
    const options = { signal: listening.signal };
    addEventListener('pointermove', moved, options);
    for (const end of ['pointerup', 'pointercancel']) {
      addEventListener(end, () => (stop(), listening.abort()), options);
    }
  }

  #drag(event) {
    const index = Number(event.target.closest?.('[data-index]')?.dataset.index ?? -1);
    const item = library.items[index];
    if (!item || event.shiftKey) {
      event.preventDefault();
      return;
    }
    const items = selection.has(item) ? selection.items : [item];
    event.dataTransfer.effectAllowed = 'copy';
    event.dataTransfer.setData('application/x-studio-pictures', JSON.stringify(items.map(({ id }) => id)));
    this.dragged = items;
    this.#say('lift', items);
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define('picture-grid', PictureGrid);
