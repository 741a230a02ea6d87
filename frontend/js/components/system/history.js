import { svg } from '../../../vendor/lit/lit-element.js';
import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { keepLooking } from '../../core/looking.js';
import { t } from '../../core/messages.js';

const LOOK_MS = 5000;
const WIDTH = 240;
const HEIGHT = 40;
const PERCENT = 100;
const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
const percentText = (share) => `${Math.round(share * PERCENT)} %`;
const rateText = (bytes) => t('system.perSecond', { size: sizeText(bytes) });

/** What is drawn of each beat, and how the latest is said; a `whole` is what fills the height. */
const LINES = [
  { name: 'cpu', of: ({ cores }) => mean(cores), text: percentText, whole: 1 },
  { name: 'memory', of: ({ memory }) => memory, text: percentText, whole: 1 },
  { name: 'gpu', of: ({ gpu }) => gpu, text: percentText, whole: 1 },
  { name: 'gpuMemory', of: (beat) => beat.gpu_memory, text: percentText, whole: 1 },
  { name: 'received', of: (beat) => beat.received_per_s, text: rateText },
  { name: 'sent', of: (beat) => beat.sent_per_s, text: rateText },
];

/** The last ten minutes of the machine, a small line for each thing that it tells of. */
class SystemHistory extends Element {
  constructor() {
    super();
    this.beats = [];
    keepLooking(this, LOOK_MS, () => this.#look());
  }

  async #look() {
    try {
      this.beats = (await api.get('/api/system/history')).beats;
    } catch {
      // The view itself says that Studio cannot be reached.
    }
    this.requestUpdate();
  }

  render() {
    const shown = LINES.filter(({ of }) => this.beats.some((beat) => of(beat) !== null));
    if (this.beats.length < 2 || !shown.length) return nothing;
    return html`
      <section class="card">
        <h2>${t('system.history')}</h2>
        <div class="history">${shown.map((line) => drawn(line, this.beats))}</div>
      </section>
    `;
  }
}

function drawn({ name, of, text, whole }, beats) {
  const values = beats.map((beat) => of(beat) ?? 0);
  const most = whole ?? Math.max(1, ...values);
  const step = WIDTH / (beats.length - 1);
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(HEIGHT * (1 - value / most)).toFixed(1)}`);
  const label = t(`system.lines.${name}`);
  const latest = text(values.at(-1));
  return html`
    <figure>
      <figcaption><span>${label}</span><strong>${latest}</strong></figcaption>
      <svg viewBox="0 -1 ${WIDTH} ${HEIGHT + 2}" preserveAspectRatio="none" role="img" aria-label=${`${label}: ${latest}`}>
        ${svg`<polyline points=${points.join(' ')}></polyline>`}
      </svg>
    </figure>
  `;
}

customElements.define('system-history', SystemHistory);
