import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { language, LANGUAGES, loadMessages, t } from '../core/messages.js';
import { router } from '../core/router.js';
import { assist, helpers } from '../models/assist.js';
import { draft } from '../models/draft.js';
import { films } from '../models/films.js';
import { thumbnailUrl } from '../models/job.js';
import { notices } from '../models/notices.js';
import { upload } from '../models/uploads.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';
import { openLibrary } from './library_picker.js';

const TASKS = ['improve', 'expand', 'translate'];
const MOST_DESCRIBED = 8000;
const PICTURES = 'image/png,image/jpeg,image/webp,image/gif';

/** Which models could help; where there are any, their words are there then, too. */
async function worded() {
  const models = await helpers();
  if (models.length) await loadMessages('chat');
  return models;
}

/** A language model's help with the text of a field: what it wrote can be changed before it is used. */
class PromptHelp extends Element {
  static properties = {
    field: { attribute: false },
    onUse: { attribute: false },
    onLeave: { attribute: false },
    models: { state: true },
    written: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.models = [];
    /** What makes videos: only of such forms scenes can be written. */
    this.makers = [];
    this.written = null;
    this.busy = false;
    this.aborting = new AbortController();
    this.watch(draft);
  }

  connectedCallback() {
    super.connectedCallback();
    notices.attempt(async () => {
      const [models, { items }] = await Promise.all([worded(), api.get('/api/films/makers')]);
      this.makers = items;
      this.models = models;
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.aborting.abort();
  }

  render() {
    if (!this.models.length) return nothing;
    const present = draft.value(this.field) ?? '';
    return html`
      <section class="prompt-help" aria-label=${t('chat.help')}>
        <h3>${t('chat.help')}</h3>
        <div class="chips">
          ${TASKS.map(
            (task) => html`<button type="button" ?disabled=${this.busy || !present.trim()} @click=${() => this.#ask({ task, text: present })}>
              ${t(`chat.help.${task}`)}
            </button>`,
          )}
        </div>
        ${present.trim() ? nothing : html`<p class="hint">${t('chat.help.needsText')}</p>`}
        ${this.#pictures()} ${this.#film(present)}
        <p class=${this.busy ? 'hint' : 'unseen'} role="status" aria-live="polite">${this.busy ? t('chat.help.busy') : ''}</p>
        ${this.written === null ? nothing : this.#written()}
      </section>
    `;
  }

  // -- a picture in words ------------------------------------------------------------------------

  #pictures() {
    if (!this.models.some(({ vision }) => vision)) return html`<p class="hint">${t('chat.help.sightless')}</p>`;
    return html`
      <h4>${t('chat.help.describe')}</h4>
      <div class="chips help-pictures">
        ${formPictures().map(
          ({ asset, name }) => html`<button
            type="button"
            class="thumb"
            aria-label=${t('chat.help.describeOne', { name })}
            title=${t('chat.help.describeOne', { name })}
            ?disabled=${this.busy}
            @click=${() => this.#describe(asset)}
          >
            <img src=${thumbnailUrl({ id: asset })} alt="" />
          </button>`,
        )}
        <button type="button" ?disabled=${this.busy} @click=${() => this.#pick()}>
          ${icon('library')}${t('making.fromLibrary')}
        </button>
        <label class="button">
          ${icon('upload')}${t('making.chooseFile')}
          <input class="unseen" type="file" accept=${PICTURES} ?disabled=${this.busy} @change=${({ target }) => this.#send(target)} />
        </label>
      </div>
    `;
  }

  async #pick() {
    const [found] = (await openLibrary('image', false)) ?? [];
    if (found) this.#describe(found.asset);
  }

  async #send(input) {
    const [file] = input.files;
    input.value = '';
    if (!file) return;
    const handlers = { onHash: () => {}, onSend: () => {} };
    this.busy = true;
    let asset = null;
    await notices.attempt(async () => (asset = await upload(file, handlers, this.aborting.signal)));
    this.busy = false;
    if (asset) this.#describe(asset.id);
  }

  #describe(asset) {
    return this.#ask({ task: 'describe', files: [asset] });
  }

  // -- scenes of a video -------------------------------------------------------------------------

  #film(description) {
    if (!this.makers.some((maker) => maker.workflow_id === draft.workflowId)) return nothing;
    return html`
      <div class="chips">
        <button type="button" ?disabled=${this.busy} @click=${() => this.#plan(description)}>
          ${icon('play')}${t('chat.help.scenes')}
        </button>
      </div>
    `;
  }

  /** Go on in the steps of a film, with what the form holds. */
  #plan(description) {
    return notices.attempt(async () => {
      const id = await films.begin({
        description: description.slice(0, MOST_DESCRIBED),
        picture: formPictures()[0]?.asset ?? null,
        preset_id: draft.preset?.id ?? null,
        workflow_id: draft.workflowId,
      });
      await this.onLeave();
      router.go(`chat/film/${id}`);
    });
  }

  // -- what it wrote -----------------------------------------------------------------------------

  #written() {
    return html`
      <textarea
        rows="5"
        aria-label=${t('chat.help.written')}
        .value=${this.written}
        @input=${({ target }) => (this.written = target.value)}
      ></textarea>
      <div class="dialog-actions">
        <button type="button" class="primary" ?disabled=${this.busy} @click=${() => this.#use()}>${t('chat.help.use')}</button>
      </div>
    `;
  }

  /** Take it up; what stood there before comes back with one press. */
  #use() {
    const { id } = this.field;
    const before = draft.values[id];
    this.onUse(this.written);
    notices.undoable(t('chat.help.used'), () => (before === undefined ? draft.reset(id) : draft.set(id, before)));
  }

  async #ask(asked) {
    if (this.busy) return;
    this.busy = true;
    await notices.attempt(async () => {
      const into = { language: LANGUAGES[language] };
      this.written = (await assist({ ...asked, ...into })).text;
    });
    this.busy = false;
    await this.updateComplete;
    this.querySelector('textarea')?.focus();
  }
}

customElements.define('prompt-help', PromptHelp);

/** The pictures that the form holds, each once. */
function formPictures() {
  const fields = draft.fields.filter(({ type }) => type === 'image');
  const files = fields.flatMap((field) => {
    const value = draft.value(field);
    const all = Array.isArray(value) ? value : value ? [value] : [];
    return all.filter(({ asset }) => asset).map(({ asset, name }) => ({ asset, name: name || field.name }));
  });
  return [...new Map(files.map((file) => [file.asset, file])).values()];
}

/** Below the form: the way to a language model's help with its first text. Nothing without a model. */
class PromptAid extends Element {
  static properties = { isThere: { state: true } };

  constructor() {
    super();
    this.isThere = false;
    this.watch(draft);
  }

  connectedCallback() {
    super.connectedCallback();
    // Whoever cannot be asked is simply not offered.
    worded().then(({ length }) => (this.isThere = length > 0), () => {});
  }

  render() {
    const field = draft.fields.find(({ type }) => type === 'text');
    if (!this.isThere || !field) return nothing;
    return html`
      <button type="button" class="prompt-aid" @click=${() => openHelp(field)}>${icon('chat')}${t('chat.help')}</button>
    `;
  }
}

customElements.define('prompt-aid', PromptAid);

function openHelp(field) {
  openDialog({
    label: t('chat.help'),
    content: (close) => {
      const use = (text) => {
        draft.set(field.id, text);
        close();
      };
      return html`<prompt-help .field=${field} .onUse=${use} .onLeave=${close}></prompt-help>`;
    },
  });
}
