import { Element, html } from '../core/element.js';
import { t } from '../core/messages.js';
import { contentUrl } from '../models/job.js';
import { notices } from '../models/notices.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';

const MOST_STEPS = 30;
/** What is painted, as it is seen over the picture. */
const TINT = 'rgb(109 97 230)';

const urlOf = ({ url, asset }) => url ?? contentUrl({ id: asset });

/** Paint over a picture what is to be made anew: white in the mask, all else black. */
class MaskPainter extends Element {
  static properties = {
    picture: { attribute: false },
    onDone: { attribute: false },
    size: { state: true },
    erases: { state: true },
    undone: { state: true },
  };

  constructor() {
    super();
    /** A part of the picture's longer side, in percent. */
    this.size = 8;
    this.erases = false;
    this.steps = [];
  }

  async firstUpdated() {
    const image = new Image();
    image.src = urlOf(this.picture);
    await notices.attempt(() => image.decode());
    this.canvas = this.querySelector('canvas');
    this.canvas.width = image.naturalWidth || 1;
    this.canvas.height = image.naturalHeight || 1;
    this.brush = this.canvas.getContext('2d', { willReadFrequently: true });
  }

  render() {
    return html`
      <h2>${t('making.mask')}</h2>
      <p class="hint">${t('making.maskHelp')}</p>
      <div class="mask">
        <img src=${urlOf(this.picture)} alt=${this.picture.name ?? ''} draggable="false" />
        <canvas
          aria-label=${t('making.mask')}
          @pointerdown=${(event) => this.#down(event)}
          @pointermove=${(event) => this.#move(event)}
          @pointerup=${() => this.#up()}
          @pointercancel=${() => this.#up()}
        ></canvas>
      </div>
      <div class="mask-tools">
        <label class="mask-size">
          <span>${t('making.brush')}</span>
          <input
            type="range"
            min="1"
            max="40"
            .value=${String(this.size)}
            @input=${({ target }) => (this.size = target.valueAsNumber)}
          />
        </label>
        <div class="segments" role="group" aria-label=${t('making.tool')}>
          ${this.#tool(false, 'brush', t('making.paint'))} ${this.#tool(true, 'erase', t('making.erase'))}
        </div>
        <button type="button" ?disabled=${!this.steps.length} @click=${() => this.#undo()}>
          ${icon('left')}${t('shell.undo')}
        </button>
        <button type="button" @click=${() => this.#invert()}>${icon('compare')}${t('making.invert')}</button>
      </div>
      <div class="dialog-actions">
        <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
        <button type="button" class="primary" @click=${() => this.#finish()}>${icon('check')}${t('making.useMask')}</button>
      </div>
    `;
  }

  #tool(erases, symbol, label) {
    return html`<button
      type="button"
      aria-pressed=${this.erases === erases ? 'true' : 'false'}
      @click=${() => (this.erases = erases)}
    >
      ${icon(symbol)}${label}
    </button>`;
  }

  #point({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale];
  }

  #remember() {
    const { width, height } = this.canvas;
    this.steps = [...this.steps, this.brush.getImageData(0, 0, width, height)].slice(-MOST_STEPS);
    this.requestUpdate();
  }

  #down(event) {
    if (!this.brush || event.button) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.#remember();
    this.last = this.#point(event);
    this.#line(this.last);
  }

  #move(event) {
    if (!this.last) return;
    // A quick hand makes several points for each of the browser's events.
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#line(this.#point(each));
  }

  #up() {
    this.last = null;
  }

  #line(to) {
    const { brush } = this;
    brush.globalCompositeOperation = this.erases ? 'destination-out' : 'source-over';
    brush.strokeStyle = TINT;
    brush.lineWidth = (Math.max(this.canvas.width, this.canvas.height) * this.size) / 100;
    brush.lineCap = 'round';
    brush.lineJoin = 'round';
    brush.beginPath();
    brush.moveTo(...this.last);
    brush.lineTo(...to);
    brush.stroke();
    this.last = to;
  }

  #undo() {
    this.brush.putImageData(this.steps.at(-1), 0, 0);
    this.steps = this.steps.slice(0, -1);
    this.requestUpdate();
  }

  #invert() {
    this.#remember();
    this.brush.globalCompositeOperation = 'xor';
    this.brush.fillStyle = TINT;
    this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #finish() {
    const { width, height } = this.canvas;
    const mask = Object.assign(document.createElement('canvas'), { width, height });
    const brush = mask.getContext('2d');
    brush.drawImage(this.canvas, 0, 0);
    brush.globalCompositeOperation = 'source-in';
    brush.fillStyle = 'white';
    brush.fillRect(0, 0, width, height);
    brush.globalCompositeOperation = 'destination-over';
    brush.fillStyle = 'black';
    brush.fillRect(0, 0, width, height);
    mask.toBlob((blob) => this.onDone(blob), 'image/png');
  }
}

customElements.define('mask-painter', MaskPainter);

/** Paint a mask for a picture, an asset or what lies at a `url`; answers a PNG of its size, or nothing. */
export function openMask(picture) {
  return openDialog({
    label: t('making.mask'),
    className: 'is-wide',
    content: (close) => html`<mask-painter .picture=${picture} .onDone=${(blob) => close(blob)}></mask-painter>`,
  }).closed;
}
