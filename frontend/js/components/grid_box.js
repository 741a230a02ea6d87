import { html, nothing } from '../core/element.js';
import { selection } from '../models/selection.js';

const LEAST_PX = 6;
const EDGE_PX = 60;
const SPEED = 0.35;

/** A box that the mouse draws over a grid: what it touches is chosen. */
export class GridBox {
  constructor(grid) {
    this.grid = grid;
    this.from = null;
    this.to = null;
    this.wasDrawn = false;
  }

  #point({ clientX, clientY }) {
    const { left, top } = this.grid.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  begin(event) {
    this.wasDrawn = false;
    this.from = this.#point(event);
    this.before = event.ctrlKey || event.metaKey || event.shiftKey ? selection.items : [];
    const listening = new AbortController();
    const options = { signal: listening.signal };
    addEventListener('pointermove', (move) => this.#move(move), options);
    for (const end of ['pointerup', 'pointercancel']) {
      addEventListener(end, () => (listening.abort(), this.#end(event)), options);
    }
  }

  #move(event) {
    this.last = event;
    const point = this.#point(event);
    if (!this.to && Math.hypot(point.x - this.from.x, point.y - this.from.y) < LEAST_PX) return;
    this.wasDrawn = true;
    this.to = point;
    event.preventDefault();
    getSelection()?.removeAllRanges();
    this.#choose();
    this.#scroll();
  }

  /** At the edge of the screen the box goes on. */
  #scroll() {
    if (this.scrolling) return;
    const step = () => {
      this.scrolling = null;
      if (!this.to) return;
      const { clientY } = this.last;
      const past = clientY < EDGE_PX ? clientY - EDGE_PX : Math.max(0, clientY - innerHeight + EDGE_PX);
      if (!past) return;
      scrollBy(0, past * SPEED);
      this.to = this.#point(this.last);
      this.#choose();
      this.#scroll();
    };
    this.scrolling = requestAnimationFrame(step);
  }

  get #edges() {
    const { from, to } = this;
    return {
      left: Math.min(from.x, to.x),
      right: Math.max(from.x, to.x),
      top: Math.min(from.y, to.y),
      bottom: Math.max(from.y, to.y),
    };
  }

  #choose() {
    const { layout } = this.grid;
    if (!layout.count) return;
    const { left, right, top, bottom } = this.#edges;
    const found = [];
    for (let row = layout.rowAt(top); row <= layout.rowAt(bottom); row += 1) {
      for (const box of layout.boxes(row)) {
        const isIn = box.x < right && box.x + box.width > left && box.y < bottom && box.y + box.height > top;
        if (isIn) found.push(box.index);
      }
    }
    selection.set(found, this.before);
  }

  #end(event) {
    const isClick = !this.wasDrawn;
    this.from = null;
    this.to = null;
    if (isClick) {
      if (!event.shiftKey) selection.clear();
      return;
    }
    // The click that ends a box opens nothing.
    setTimeout(() => (this.wasDrawn = false));
    this.grid.requestUpdate();
  }

  frame() {
    if (!this.to) return nothing;
    const { left, right, top, bottom } = this.#edges;
    const place = `transform: translate(${left}px, ${top}px); width: ${right - left}px; height: ${bottom - top}px`;
    return html`<div class="grid-box" aria-hidden="true" .style=${place}></div>`;
  }
}
