import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { copyText } from '../core/clipboard.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { create, draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { seedsOf, settingsOf } from '../models/graph.js';
import { contentUrl, hasEnded, kindOf, titleOf } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';
import { placeholderNote } from './states.js';

const SWIPE_PX = 48;
const SURE_MS = 4000;

/** One output, large, over everything: arrows and swipes lead to the others. */
class Lightbox extends Element {
  static properties = { sureId: { state: true } };

  constructor() {
    super();
    /** The output that a first press asked to delete. */
    this.sureId = null;
    this.graphs = new Map();
    this.watch(viewer);
  }

  updated() {
    const dialog = this.querySelector('dialog');
    if (dialog && !dialog.open) dialog.showModal();
    if (viewer.item) this.#learn(viewer.item.job.id);
  }

  async #learn(id) {
    if (this.graphs.has(id)) return;
    this.graphs.set(id, null);
    try {
      const { workflow } = await api.get(`/api/v2/jobs/${id}/workflow`);
      this.graphs.set(id, workflow);
      this.requestUpdate();
    } catch {
      // Without it the picture is still worth looking at.
    }
  }

  render() {
    if (!viewer.item) return nothing;
    const { job, output } = viewer.item;
    const isFirst = viewer.index === 0;
    const isLast = viewer.index === viewer.items.length - 1;
    return html`
      <dialog
        class="lightbox"
        aria-label=${t('viewer.label')}
        @close=${() => viewer.close()}
        @keydown=${onKey}
        @click=${onBackdrop}
      >
        <div class="stage" @pointerdown=${(event) => this.#down(event)} @pointerup=${(event) => this.#up(event)}>
          ${large(output, titleOf(job))}
        </div>
        <button class="round lightbox-close" aria-label=${t('shell.close')} autofocus @click=${() => viewer.close()}>
          ${icon('close')}
        </button>
        ${isFirst ? nothing : arrow('previous', 'left', -1)} ${isLast ? nothing : arrow('next', 'right', 1)}
        ${this.#caption(job, output)}
      </dialog>
    `;
  }

  async #delete(job, output) {
    clearTimeout(this.unsure);
    if (this.sureId !== output.id) {
      this.sureId = output.id;
      this.unsure = setTimeout(() => (this.sureId = null), SURE_MS);
      return;
    }
    this.sureId = null;
    await jobs.deleteOutput(job, output);
    viewer.drop(output.id);
    notices.say(t('viewer.deleted'));
  }

  #down({ clientX, clientY }) {
    this.from = { clientX, clientY };
  }

  #up({ clientX, clientY }) {
    if (!this.from) return;
    const [x, y] = [clientX - this.from.clientX, clientY - this.from.clientY];
    this.from = null;
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > Math.abs(y)) viewer.step(x > 0 ? -1 : 1);
    else if (y > SWIPE_PX * 2 && y > Math.abs(x)) viewer.close();
  }

  #caption(job, output) {
    const graph = this.graphs.get(job.id);
    const settings = graph ? settingsOf(graph) : null;
    const seed = settings?.seed ?? (graph ? seedsOf(graph)[0] : undefined);
    return html`
      <div class="caption">
        <p class="caption-title">${settings?.prompt || titleOf(job)}</p>
        <dl class="facts">
          ${fact(t('viewer.seed'), seed)} ${fact(t('viewer.size'), settings && `${settings.width} × ${settings.height}`)}
          ${fact(t('viewer.steps'), settings?.steps)} ${fact(t('viewer.model'), settings?.checkpoint)}
        </dl>
        ${feed.isPlaceholder(job)
          ? html`<p class="placeholder-note">${placeholderNote(t('shell.placeholder.result'))}</p>`
          : nothing}
        <div class="actions">
          <a class="button" href=${contentUrl(output)} download=${output.name}>
            ${icon('download')}${t('viewer.download')}
          </a>
          ${seed === undefined ? nothing : action('copy', t('viewer.copySeed'), () => copySeed(seed))}
          ${settings || session.can('graphs:run')
            ? action('again', t('viewer.again'), () => again(job, settings))
            : nothing}
          ${settings ? action('use', t('viewer.use'), () => use(settings)) : nothing}
          ${hasEnded(job) && session.can('assets')
            ? action('remove', this.sureId === output.id ? t('viewer.deleteSure') : t('viewer.delete'), () =>
                this.#delete(job, output),
              )
            : nothing}
          <span class="hint">${t('viewer.place', { at: viewer.index + 1, all: viewer.items.length })}</span>
        </div>
      </div>
    `;
  }
}

function large(output, title) {
  const url = contentUrl(output);
  const kind = kindOf(output);
  if (kind === 'image') return html`<img src=${url} alt=${title} draggable="false" />`;
  if (kind === 'video') return html`<video src=${url} controls loop autoplay playsinline></video>`;
  if (kind === 'audio') return html`<audio src=${url} controls></audio>`;
  return html`<p>${t('viewer.file')}</p>`;
}

const fact = (name, value) =>
  value === undefined || value === null ? nothing : html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

const action = (name, text, run) =>
  html`<button @click=${() => notices.attempt(run)}>${icon(name)}${text}</button>`;

const arrow = (name, shape, by) => html`
  <button
    class="round lightbox-${name}"
    aria-label=${t(`viewer.${name}`)}
    @click=${() => viewer.step(by)}
  >
    ${icon(shape)}
  </button>
`;

function onKey(event) {
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (event.key in steps && event.target.tagName !== 'VIDEO') viewer.step(steps[event.key]);
}

function onBackdrop({ target, currentTarget }) {
  if (target === currentTarget || target.className === 'stage') viewer.close();
}

async function copySeed(seed) {
  await copyText(seed);
  notices.say(t('shell.copied'));
}

async function again(job, settings) {
  if (session.can('graphs:run')) await jobs.retry(job.id, true);
  else await create({ ...settings, seed: undefined });
  toCreate();
  notices.say(t('viewer.submitted'));
}

function use(settings) {
  draft.use(settings);
  toCreate();
}

/** Back to where this was opened, or to the view for creating in its place. */
function toCreate() {
  if (router.view === 'create') viewer.close();
  else router.replace('create');
}

customElements.define('studio-lightbox', Lightbox);
