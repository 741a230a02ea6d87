import { Element, html } from '../core/element.js';
import { t } from '../core/messages.js';

const MOST = 12;
const STEP = 1.4;
const SWIPE_PX = 56;
const TAP_MS = 300;
const TAP_PX = 24;
/** How far a small picture is enlarged to fit. */
const MOST_FIT = 2;

/**
 * One picture as large as there is room: wheel, pinch and double tap enlarge it, dragging moves it,
 * swiping says `swipe` with -1 or 1, or `dismiss` for downwards.
 */
class ZoomStage extends Element {
  static properties = { picture: { attribute: false }, full: { state: true } };

  constructor() {
    super();
    this.pointers = new Map();
    this.#reset();
    this.resized = new ResizeObserver(() => this.#place());
  }

  connectedCallback() {
    super.connectedCallback();
    this.resized.observe(this);
    // Not passive: the page must not scroll or zoom as well.
    this.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.resized.disconnect();
  }

  #reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
  }

  willUpdate(changed) {
    if (!changed.has('picture') || changed.get('picture')?.id === this.picture?.id) return;
    this.#reset();
    this.pointers.clear();
    this.full = null;
    this.#loadFull();
  }

  /** The small one is there at once; the whole one takes its place when it can be painted. */
  async #loadFull() {
    const { picture } = this;
    if (picture?.kind !== 'image') return;
    const image = new Image();
    image.src = picture.content;
    await image.decode().catch(() => {});
    if (picture.id === this.picture?.id) this.full = { id: picture.id, width: image.naturalWidth, height: image.naturalHeight };
  }

  render() {
    const { picture } = this;
    if (!picture) return html`<div class="shimmer is-moving stage-wait"></div>`;
    const name = picture.title || picture.prompt || picture.name;
    if (picture.kind === 'video') {
      return html`<video src=${picture.content} controls loop autoplay playsinline aria-label=${name}></video>`;
    }
    if (picture.kind === 'audio') return html`<audio src=${picture.content} controls aria-label=${name}></audio>`;
    if (picture.kind !== 'image') return html`<p>${t('viewer.noView')}</p>`;
    const isFull = this.full?.id === picture.id || !picture.preview;
    return html`
      <img
        src=${isFull ? picture.content : picture.preview}
        alt=${name}
        draggable="false"
        @load=${() => this.#place()}
        @pointerdown=${(event) => this.#down(event)}
        @pointermove=${(event) => this.#move(event)}
        @pointerup=${(event) => this.#up(event)}
        @pointercancel=${(event) => this.#up(event)}
      />
    `;
  }

  updated() {
    this.#place();
  }

  get image() {
    return this.querySelector('img');
  }

  /** The picture's own size, as soon as anybody knows it. */
  get #natural() {
    const { picture, full, image } = this;
    if (!picture) return null;
    if (full?.id === picture.id && full.width) return [full.width, full.height];
    if (picture.width && picture.height) return [picture.width, picture.height];
    return image?.naturalWidth ? [image.naturalWidth, image.naturalHeight] : null;
  }

  /** Lay the picture out; no other component has a say in it, so this asks for no render. */
  #place() {
    const { image } = this;
    const size = this.#natural;
    if (!image || !size) return;
    const [width, height] = size;
    const fit = Math.min(MOST_FIT, this.clientWidth / width, this.clientHeight / height);
    Object.assign(this, { fitWidth: width * fit, fitHeight: height * fit, natural: 1 / fit });
    const [roomX, roomY] = [this.#room(this.fitWidth, this.clientWidth), this.#room(this.fitHeight, this.clientHeight)];
    if (this.scale > 1) {
      this.x = Math.max(-roomX, Math.min(roomX, this.x));
      this.y = Math.max(-roomY, Math.min(roomY, this.y));
    }
    image.style.width = `${this.fitWidth}px`;
    image.style.height = `${this.fitHeight}px`;
    image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    image.classList.toggle('is-zoomed', this.scale > 1);
  }

  /** How far the middle may be moved before an edge leaves the stage's. */
  #room(size, space) {
    return Math.max(0, (size * this.scale - space) / 2);
  }

  /** Enlarge around a point of the screen. */
  zoom(by, clientX = null, clientY = null) {
    const box = this.getBoundingClientRect();
    const [x, y] = [
      (clientX ?? box.left + box.width / 2) - box.left - box.width / 2,
      (clientY ?? box.top + box.height / 2) - box.top - box.height / 2,
    ];
    const scale = Math.min(Math.max(MOST, this.natural ?? 1), Math.max(1, this.scale * by));
    const grown = scale / this.scale;
    this.x = scale === 1 ? 0 : x - (x - this.x) * grown;
    this.y = scale === 1 ? 0 : y - (y - this.y) * grown;
    this.scale = scale;
    this.#place();
  }

  /** From the whole picture to its own pixels, and back. */
  toggle(clientX, clientY) {
    if (this.scale > 1) this.zoom(0);
    else this.zoom(Math.max(2, this.natural ?? 2), clientX, clientY);
  }

  #wheel(event) {
    if (this.picture?.kind !== 'image') return;
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    this.zoom(STEP ** (-pixels / 100), event.clientX, event.clientY);
  }

  #down(event) {
    if (event.button) return;
    event.preventDefault();
    this.image.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (this.pointers.size === 1) this.from = { x: event.clientX, y: event.clientY, left: this.x, top: this.y };
    this.spread = this.#spread();
  }

  #spread() {
    const [one, two] = [...this.pointers.values()];
    if (!two) return null;
    return {
      length: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY),
      x: (one.clientX + two.clientX) / 2,
      y: (one.clientY + two.clientY) / 2,
    };
  }

  #move(event) {
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, event);
    const spread = this.#spread();
    if (spread) {
      this.from = null;
      if (this.spread?.length) this.zoom(spread.length / this.spread.length, spread.x, spread.y);
      this.spread = spread;
      return;
    }
    if (!this.from) return;
    const [x, y] = [event.clientX - this.from.x, event.clientY - this.from.y];
    // A whole picture follows the finger to its neighbours, an enlarged one is moved about.
    this.x = this.from.left + x;
    this.y = this.scale > 1 ? this.from.top + y : Math.max(0, y);
    this.#place();
  }

  #up(event) {
    if (!this.pointers.delete(event.pointerId) || !this.from || this.pointers.size) return;
    const [x, y] = [event.clientX - this.from.x, event.clientY - this.from.y];
    this.from = null;
    if (event.type === 'pointerup' && Math.hypot(x, y) < TAP_PX) this.#tap(event);
    if (this.scale > 1) return;
    this.x = 0;
    this.y = 0;
    this.#place();
    if (event.type === 'pointercancel') return;
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > Math.abs(y)) this.#say('swipe', x > 0 ? -1 : 1);
    else if (y > SWIPE_PX * 2 && y > Math.abs(x)) this.#say('dismiss');
  }

  #tap(event) {
    const { timeStamp, clientX, clientY } = event;
    const isSecond =
      this.tapped &&
      timeStamp - this.tapped.timeStamp < TAP_MS &&
      Math.hypot(clientX - this.tapped.clientX, clientY - this.tapped.clientY) < TAP_PX;
    this.tapped = isSecond ? null : { timeStamp, clientX, clientY };
    if (isSecond) this.toggle(clientX, clientY);
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define('zoom-stage', ZoomStage);
