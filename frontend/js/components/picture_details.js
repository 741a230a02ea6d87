import { Element, html, live, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { copyText } from '../core/clipboard.js';
import { dateText, sizeText } from '../core/format.js';
import { numberText } from '../core/json.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { boards } from '../models/boards.js';
import { details } from '../models/details.js';
import { canOpenEditor } from '../models/editor.js';
import { notices } from '../models/notices.js';
import { pictures } from '../models/pictures.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { workflows } from '../models/workflows.js';
import { icon } from './icons.js';
import { mayShare, share } from './share.js';
import { starButtons } from './stars.js';

const LEVELS = ['all', 'seedless', 'prompt'];
/** What is said of the picture itself. */
const APART = ['width', 'height', 'batch_size'];

/** All that is known of one picture, and what can be done with it. */
class PictureDetails extends Element {
  static properties = { picture: { attribute: false } };

  constructor() {
    super();
    this.watch(details, boards, workflows);
  }

  connectedCallback() {
    super.connectedCallback();
    // For the names of workflows.
    if (!workflows.items) workflows.load();
  }

  willUpdate() {
    if (this.picture) details.load(this.picture.id);
  }

  render() {
    const { picture } = this;
    if (!picture) return nothing;
    const detail = details.get(picture.id);
    const shown = detail ?? picture;
    return html`
      <div class="details-body">
        ${titleField(shown)} ${shown.trashed_at ? nothing : rating(shown)}
        ${detail ? promptOf(t('viewer.prompt'), promptText(detail)) : nothing}
        ${detail ? promptOf(t('viewer.negative'), detail.prompts.negative.join('\n')) : nothing}
        ${detail ? this.#uses(detail) : nothing}
        ${detail ? facts(detail) : html`<div class="details-wait shimmer is-moving"></div>`}
        ${detail && !detail.trashed_at ? onBoards(detail) : nothing}
      </div>
    `;
  }

  #uses(detail) {
    const recall = (level) => async () => {
      const { recallJob } = await import('../models/recall.js');
      await viewer.close();
      const did = await recallJob(detail.job_id, level);
      notices.say(t(did ? 'viewer.recalled' : 'viewer.noRecall'));
    };
    const use = async () => {
      const { useAsInput } = await import('../models/recall.js');
      await viewer.close();
      await useAsInput({ asset: detail.id, name: detail.name, kind: detail.kind });
    };
    const again = async () => {
      await api.post(`/api/jobs/${detail.job_id}/retry`, { new_seed: true });
      notices.say(t('viewer.submitted'));
    };
    const isMade = Boolean(detail.job_id);
    const isKept = !detail.trashed_at;
    return html`
      <div class="actions">
        ${isMade
          ? html`<menu-button
              look="button"
              symbol="use"
              label=${t('viewer.recall')}
              .items=${LEVELS.map((level) => ({
                label: t(`viewer.recall.${level}`),
                run: () => notices.attempt(recall(level)),
              }))}
            ></menu-button>`
          : nothing}
        ${isMade && session.can('graphs:run') ? action('again', t('viewer.again'), again) : nothing}
        ${isKept && ['image', 'video', 'audio'].includes(detail.kind) ? action('upload', t('viewer.asInput'), use) : nothing}
        ${isKept && mayShare() && ['image', 'video'].includes(detail.kind)
          ? action('link', t('viewer.share'), () => share({ kind: 'asset', target: detail.id, name: detail.title || detail.name }))
          : nothing}
        ${detail.graph
          ? html`<menu-button
              label=${t('viewer.workflow')}
              symbol="workflows"
              look="button"
              .items=${graphItems(detail)}
            ></menu-button>`
          : nothing}
      </div>
    `;
  }
}

function graphItems(detail) {
  const open = async () => {
    const { making } = await import('./later.js');
    await (await making()).openGraph({ id: detail.job_id });
  };
  return [
    { label: t('viewer.copyGraph'), icon: 'copy', run: () => copy(JSON.stringify(detail.graph, null, 2)) },
    {
      label: t(canOpenEditor() ? 'viewer.openGraph' : 'viewer.saveGraph'),
      icon: canOpenEditor() ? 'editor' : 'download',
      run: () => notices.attempt(open),
    },
  ];
}

const copy = (text) =>
  notices.attempt(async () => {
    await copyText(text);
    notices.say(t('shell.copied'));
  });

const action = (symbol, label, run) =>
  html`<button @click=${() => notices.attempt(run)}>${icon(symbol)}${label}</button>`;

function titleField(picture) {
  const changed = async ({ target }) => {
    const title = target.value.trim();
    if (title === picture.title) return;
    await notices.attempt(async () => details.put({ ...details.get(picture.id), ...(await rename(picture.id, title)) }));
  };
  return html`<input
    class="title-field"
    maxlength="200"
    aria-label=${t('viewer.title')}
    placeholder=${picture.name}
    .value=${live(picture.title)}
    @change=${changed}
  />`;
}

const rename = (id, title) => api.patch(`/api/library/${id}`, { title });

function rating(picture) {
  return html`
    <div class="judgement">
      ${starButtons(picture.rating, (value) => pictures.rate([picture], value))}
      <button
        class="bare heart ${picture.favourite ? 'is-on' : ''}"
        aria-pressed=${picture.favourite ? 'true' : 'false'}
        @click=${() => pictures.favour([picture], !picture.favourite)}
      >
        ${icon('heart')}<span>${t('library.favourite')}</span>
      </button>
    </div>
  `;
}

const promptText = ({ prompts, prompt }) => prompts.positive.join('\n') || prompt;

function promptOf(name, text) {
  if (!text) return nothing;
  return html`
    <section class="prompt-text">
      <header>
        <h3>${name}</h3>
        <button class="bare" aria-label=${t('viewer.copyOf', { name })} title=${t('shell.copy')} @click=${() => copy(text)}>
          ${icon('copy')}
        </button>
      </header>
      <p>${text}</p>
    </section>
  `;
}

const shownValue = (value) => (typeof value === 'object' && value !== null ? numberText(value) : String(value));

function facts(detail) {
  const { parameters, models, loras, job } = detail;
  const strengths = ({ strength, strength_clip: clip }) =>
    [strength, clip].filter((value) => value !== null && value !== undefined).join(' / ');
  const settings = Object.entries(parameters).filter(([name]) => !APART.includes(name));
  const size = detail.width ? `${detail.width} × ${detail.height}` : null;
  return html`
    <dl class="facts">
      ${fact(t('viewer.seed'), detail.seed === null ? null : shownValue(detail.seed), true)}
      ${settings.map(([name, value]) => fact(parameterName(name), shownValue(value)))}
      ${models.map((file) => linked(t('viewer.model'), file, 'model'))}
      ${loras.map((lora) => linked(t('viewer.lora'), lora.file, 'lora', strengths(lora)))}
      ${detail.workflow_id ? linked(t('viewer.workflow'), detail.workflow_id, 'workflow', '', workflows.get(detail.workflow_id)?.name) : nothing}
      ${fact(t('viewer.size'), size)}
      ${fact(t('viewer.file'), [detail.name, sizeText(detail.size_bytes)].join(', '))}
      ${fact(t('viewer.made'), dateText(detail.created_at))}
      ${session.isOwner ? fact(t('viewer.by'), detail.user.name) : nothing}
      ${job?.engine ? fact(t('viewer.engine'), job.engine) : nothing}
    </dl>
  `;
}

const NAMED = ['steps', 'cfg', 'guidance', 'sampler_name', 'scheduler', 'denoise', 'shift', 'length', 'fps'];
/** ComfyUI's own names for the rest; nobody else has a better one. */
const parameterName = (name) => (NAMED.includes(name) ? t(`viewer.value.${name}`) : name.replaceAll('_', ' '));

function fact(name, value, canCopy = false) {
  if (value === null || value === undefined || value === '') return nothing;
  return html`<div>
    <dt>${name}</dt>
    <dd>
      ${value}
      ${canCopy
        ? html`<button class="bare" aria-label=${t('viewer.copyOf', { name })} title=${t('shell.copy')} @click=${() => copy(value)}>
            ${icon('copy')}
          </button>`
        : nothing}
    </dd>
  </div>`;
}

/** A fact that others share: everything with it is one press away. */
function linked(name, value, field, more = '', shown = value) {
  const go = async () => {
    await viewer.close();
    router.go(`library/${encodeURIComponent(new URLSearchParams({ [field]: value }))}`);
  };
  return html`<div>
    <dt>${name}</dt>
    <dd><button class="bare linked" title=${t('viewer.more', { name: shown })} @click=${go}>${shown}</button> ${more}</dd>
  </div>`;
}

function onBoards(detail) {
  const on = boards.list.filter(({ id }) => detail.boards.includes(id));
  const others = boards.list.filter(({ id }) => !detail.boards.includes(id));
  if (!boards.list.length) return nothing;
  return html`
    <section>
      <h3>${t('library.boards')}</h3>
      <div class="actions">
        ${on.map(
          (board) => html`<span class="chip">
            <span>${board.name}</span>
            <button
              class="bare"
              aria-label=${t('library.takeFrom', { board: board.name })}
              @click=${() => pictures.takeFrom([detail], board)}
            >
              ${icon('close')}
            </button>
          </span>`,
        )}
        ${others.length
          ? html`<menu-button
              look="button"
              symbol="board"
              label=${t('library.addTo')}
              .items=${others.map((board) => ({ label: board.name, run: () => pictures.putOn([detail], board) }))}
            ></menu-button>`
          : nothing}
      </div>
    </section>
  `;
}

customElements.define('picture-details', PictureDetails);
