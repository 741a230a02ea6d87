import { Element, html, nothing } from '../core/element.js';
import { lengthText } from '../core/length.js';
import { t } from '../core/messages.js';
import { contentUrl, kindOf } from '../models/job.js';
import { underSlider } from './compare_slider.js';
import { icon } from './icons.js';

/** Nobody sees or hears that one is this much behind the other; setting it right can be heard. */
const DRIFT_S = 0.12;
const NAMES = ['first', 'second'];

/** Two videos, or two sounds, in step. One of them is heard; which one is chosen while they play. */
class ComparePlayer extends Element {
  static properties = {
    pair: { attribute: false },
    heard: { state: true },
    isPlaying: { state: true },
    time: { state: true },
    length: { state: true },
    hasFailed: { state: true },
  };

  constructor() {
    super();
    Object.assign(this, { heard: 0, isPlaying: false, time: 0, length: 0, hasFailed: false });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#pause();
  }

  get #isVideo() {
    return kindOf(this.pair[0]) === 'video';
  }

  get #media() {
    return [...this.querySelectorAll('video, audio')];
  }

  /** The longer one; the other one waits at its end. */
  get #leader() {
    return this.#media.reduce((a, b) => ((b.duration || 0) > (a.duration || 0) ? b : a));
  }

  render() {
    const faces = [1, 0].map((place) => this.#face(place));
    const [time, length] = [this.time, this.length].map((seconds) => lengthText(seconds * 1000));
    return html`
      ${this.#isVideo ? underSlider(faces) : faces}
      ${this.hasFailed ? html`<p class="error-text" role="alert">${t('making.cannotPlay')}</p>` : nothing}
      <div class="compare-bar">
        <button
          class="round primary"
          autofocus
          aria-label=${t(this.isPlaying ? 'making.pause' : 'making.play')}
          title=${t(this.isPlaying ? 'making.pause' : 'making.play')}
          @click=${() => (this.isPlaying ? this.#pause() : this.#play())}
        >
          ${icon(this.isPlaying ? 'pause' : 'play')}
        </button>
        <input
          type="range"
          min="0"
          max=${this.length}
          step="0.01"
          aria-label=${t('making.position')}
          aria-valuetext=${t('making.at', { time, length })}
          .value=${String(this.time)}
          @input=${({ target }) => this.#seek(target.valueAsNumber)}
        />
        <span class="hint" aria-hidden="true">${time} / ${length}</span>
      </div>
      <fieldset class="compare-heard">
        <legend>${t('making.heard')}</legend>
        ${NAMES.map(
          (name, place) => html`<label class="check">
            <input type="radio" name="heard" .checked=${this.heard === place} @change=${() => (this.heard = place)} />
            <span>${t(`making.${name}`)}</span>
          </label>`,
        )}
      </fieldset>
    `;
  }

  /** Media say what they do; the longer one speaks for both. */
  #face(place) {
    const source = contentUrl(this.pair[place]);
    const isMuted = this.heard !== place;
    const led = (run) => ({ target }) => target === this.#leader && run();
    const step = led(() => this.#step());
    const measure = () => (this.length = this.#leader.duration || 0);
    const ended = led(() => this.#ended());
    const paused = led(() => this.#paused());
    const failed = () => (this.hasFailed = true);
    return this.#isVideo
      ? html`<video
          class=${place ? '' : 'is-over'}
          src=${source}
          playsinline
          preload="auto"
          aria-label=${t(`making.${NAMES[place]}`)}
          .muted=${isMuted}
          @loadedmetadata=${measure}
          @timeupdate=${step}
          @ended=${ended}
          @pause=${paused}
          @error=${failed}
        ></video>`
      : html`<audio
          src=${source}
          preload="auto"
          .muted=${isMuted}
          @loadedmetadata=${measure}
          @timeupdate=${step}
          @ended=${ended}
          @pause=${paused}
          @error=${failed}
        ></audio>`;
  }

  async #play() {
    const leader = this.#leader;
    if (leader.ended) this.#seek(0);
    this.isPlaying = true;
    try {
      await leader.play();
      this.#step();
    } catch {
      this.isPlaying = false;
    }
  }

  #pause() {
    for (const each of this.#media) each.pause();
    this.isPlaying = false;
  }

  /** The browser may stop it too, as when headphones are taken off; one that ends says so itself. */
  #paused() {
    if (!this.#leader.ended) this.#pause();
  }

  #ended() {
    // Moving pictures are looked at again and again.
    if (this.#isVideo && this.isPlaying) this.#play();
    else this.#pause();
  }

  #seek(time) {
    for (const each of this.#media) each.currentTime = Math.min(time, each.duration || 0);
    this.time = time;
  }

  /** Keep the other one where the longer one is. */
  #step() {
    const leader = this.#leader;
    this.time = leader.currentTime;
    for (const each of this.#media) {
      if (each === leader) continue;
      const end = each.duration || 0;
      const due = Math.min(this.time, end);
      if (!each.seeking && Math.abs(each.currentTime - due) > DRIFT_S) each.currentTime = due;
      if (!this.isPlaying) each.pause();
      else if (each.paused && this.time < end) each.play().catch(() => this.#pause());
    }
  }
}

customElements.define('compare-player', ComparePlayer);
