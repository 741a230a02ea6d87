import { Element, html, nothing } from '../../core/element.js';
import { copyText } from '../../core/clipboard.js';
import { numberText } from '../../core/json.js';
import { t } from '../../core/messages.js';
import { altOf, isSettling, keptPicture, leftOutText, makePreset, rate, takeAsInput, takeOut, takeParameters } from '../../models/civitai.js';
import { downloads, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { openDialog } from '../dialog.js';
import { icon } from '../icons.js';
import { starButtons } from '../stars.js';
import { installState } from './install.js';
import { whyText } from './reasons.js';

/** A model that came is known a moment after its download has ended. */
const SETTLE_MS = 1500;
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const FACTS = ['seed', 'steps', 'cfg', 'sampler_name', 'scheduler'];

/** Show one picture of the gallery, with all that can be done with it; `shown` are those around it. */
export function openPicture(item, { shown, onRate, onGone }) {
  openDialog({
    label: t('civitai.picture'),
    className: 'civitai-dialog',
    content: (close) => html`<civitai-picture
      .item=${item}
      .close=${close}
      .shown=${shown}
      .onRate=${onRate}
      .onGone=${onGone}
    ></civitai-picture>`,
  });
}

/**
 * How a picture was made, which of its models are here, and what can be done with it.
 * `picture` is what `look` told; of an `item` of the gallery the rest is asked for.
 */
class CivitaiPicture extends Element {
  static properties = {
    picture: { attribute: false },
    item: { attribute: false },
    close: { attribute: false },
    shown: { attribute: false },
    onRate: { attribute: false },
    onGone: { attribute: false },
  };

  constructor() {
    super();
    this.watch(downloads);
    this.onArrival = () => this.#load();
    this.onKey = (event) => {
      const step = STEPS[event.key];
      if (step && !event.target.closest('video')) this.#go(step);
    };
  }

  connectedCallback() {
    super.connectedCallback();
    downloads.addEventListener('arrived', this.onArrival);
    this.addEventListener('keydown', this.onKey);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    downloads.removeEventListener('arrived', this.onArrival);
    this.removeEventListener('keydown', this.onKey);
  }

  async #load() {
    clearTimeout(this.timer);
    if (!this.item) return;
    const { id } = this.item;
    try {
      const picture = await keptPicture(id);
      if (id !== this.item.id) return;
      Object.assign(this, { picture, error: null });
    } catch (error) {
      if (id !== this.item.id) return;
      this.error = error;
    }
    this.requestUpdate();
    if (this.picture && isSettling({ picture: this.picture })) this.timer = setTimeout(() => this.#load(), SETTLE_MS);
  }

  render() {
    const shown = this.picture ?? this.item;
    if (!shown) return nothing;
    return html`
      ${this.close ? this.#head(shown) : nothing}
      <div class="civitai-picture">
        ${media(shown)}
        <div class="civitai-side">
          ${shown.kept ? starButtons(shown.kept.stars, (stars) => notices.attempt(() => this.#rate(stars))) : nothing}
          ${this.#actions(shown)}
          ${this.error
            ? html`<div class="problem" role="alert">
                <p class="error-text">${whyText(this.error)} <code>${this.error.code}</code></p>
              </div>`
            : nothing}
          ${shown.recipe ? recipeOf(shown) : html`<p class="hint">${t('civitai.noRecipe')}</p>`}
          ${this.picture ? this.#used(this.picture.used) : html`<div class="skeleton" aria-hidden="true"></div>`}
          ${this.picture?.form?.left_out.length ? html`<p class="hint">${leftOutText(this.picture.form.left_out, this.picture.used)}</p>` : nothing}
        </div>
      </div>
    `;
  }

  #head(shown) {
    const way = (step, label, name) => html`<button
      class="bare"
      aria-label=${label}
      title=${label}
      aria-disabled=${this.#beside(step) ? nothing : 'true'}
      @click=${() => this.#go(step)}
    >
      ${icon(name)}
    </button>`;
    return html`
      <header class="view-head">
        <h2>${t(shown.kind === 'video' ? 'civitai.film' : 'civitai.picture')}</h2>
        ${this.shown ? [way(-1, t('civitai.previous'), 'left'), way(1, t('civitai.next'), 'right')] : nothing}
        <button class="bare" aria-label=${t('shell.close')} @click=${() => this.close()}>${icon('close')}</button>
      </header>
    `;
  }

  /** What stands before or behind this picture in the gallery. */
  #beside(step) {
    const items = this.shown?.() ?? [];
    const at = items.findIndex(({ id }) => id === this.item.id);
    return at < 0 ? undefined : items[at + step];
  }

  #go(step) {
    const item = this.#beside(step);
    if (!item) return;
    Object.assign(this, { item, picture: null, error: null });
    this.#load();
  }

  #actions(shown) {
    const run = (work) => () =>
      notices.attempt(async () => {
        await this.close?.();
        await work();
      });
    const { picture } = this;
    return html`
      <div class="civitai-actions">
        ${picture?.form
          ? html`<button class="primary" @click=${run(() => takeParameters(picture))}>${icon('use')}${t('civitai.use')}</button>`
          : nothing}
        ${session.can('assets') && shown.kind !== 'audio'
          ? html`<button @click=${run(() => takeAsInput(shown))}>${icon('upload')}${t('civitai.asInput')}</button>`
          : nothing}
        ${picture?.form && shown.kept
          ? html`<button @click=${() => notices.attempt(() => makePreset(picture))}>
              ${icon('presets')}${t('civitai.makePreset')}
            </button>`
          : nothing}
        <a class="button" href=${shown.page} target="_blank" rel="noreferrer noopener">${icon('link')}${t('civitai.toPage')}</a>
        ${shown.kept && mayFetch() && this.onGone
          ? html`<button @click=${run(() => this.#takeOut())}>${icon('remove')}${t('civitai.takeOut')}</button>`
          : nothing}
      </div>
    `;
  }

  #used(used) {
    if (!used.length) return nothing;
    return html`
      <h3>${t('civitai.models')}</h3>
      <ul class="rows">
        ${used.map((one) => html`<li class="row civitai-file">${usedRow(one)}</li>`)}
      </ul>
    `;
  }

  async #rate(stars) {
    const { id } = this.picture ?? this.item;
    const rated = await rate(id, stars);
    this.onRate?.(rated);
    if ((this.picture ?? this.item).id !== id) return;
    if (this.item) this.item = rated;
    if (this.picture) this.picture = { ...this.picture, kept: rated.kept };
  }

  async #takeOut() {
    await takeOut(this.item.id);
    this.onGone(this.item);
    notices.say(t('civitai.takenOut'));
  }
}

/** Only what is kept is shown: the page asks no other site for anything. */
function media(shown) {
  const { kept, kind, width, height } = shown;
  if (!kept) return html`<div class="civitai-media is-missing">${icon('library')}</div>`;
  const ratio = width && height ? `aspect-ratio: ${width} / ${height}` : '';
  return kind === 'video'
    ? html`<video class="civitai-media" controls loop playsinline preload="metadata" src=${kept.content} aria-label=${altOf(shown)}></video>`
    : html`<img class="civitai-media" src=${kept.content} alt=${altOf(shown)} .style=${ratio} />`;
}

function recipeOf({ recipe }) {
  const size = recipe.width && recipe.height ? `${recipe.width} × ${recipe.height}` : null;
  const known = FACTS.filter((name) => recipe[name] !== null);
  return html`
    ${text('prompt', recipe.prompt)} ${text('negative', recipe.negative)}
    <dl class="civitai-facts">
      ${known.map((name) => html`<div><dt>${t(`civitai.fact.${name}`)}</dt><dd>${valueText(recipe[name])}</dd></div>`)}
      ${size ? html`<div><dt>${t('civitai.fact.size')}</dt><dd>${size}</dd></div>` : nothing}
    </dl>
  `;
}

const valueText = (value) => (typeof value === 'string' ? value : numberText(value));

function text(name, words) {
  if (!words) return nothing;
  const copy = () => notices.attempt(() => copyText(words).then(() => notices.say(t('shell.copied'))));
  const label = t(`civitai.part.${name}`);
  return html`
    <div class="civitai-prompt">
      <h3>${label}</h3>
      <button class="bare" aria-label=${t('civitai.copyOf', { name: label })} title=${t('civitai.copyOf', { name: label })} @click=${copy}>${icon('copy')}</button>
      <p>${words}</p>
    </div>
  `;
}

function usedRow(used) {
  const { kind, name, title, weight, state, here, match } = used;
  const shown = title || name || t('civitai.nameless');
  const about = [t(`civitai.part.${kind}`), weight !== null && valueText(weight), here?.name];
  return html`
    <div class="row-words">
      <span class="row-title" title=${shown}>${shown}</span>
      <span class="hint">${about.filter(Boolean).join(' · ')}</span>
      <span class="marks">
        <span class="mark ${MARKS[state]}">${t(`civitai.state.${state}`)}</span>
        ${match === 'name' ? html`<span class="mark">${t('civitai.byName')}</span>` : nothing}
      </span>
    </div>
    ${state === 'missing' ? installState({ ...used, name: shown }) : nothing}
    ${state === 'missing' && !used.install ? html`<span class="hint">${t('civitai.nowhere')}</span>` : nothing}
  `;
}

const MARKS = { present: 'is-good', missing: 'is-bad', unknown: 'is-plain' };

customElements.define('civitai-picture', CivitaiPicture);
