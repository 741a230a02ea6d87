import { html, live, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { civitaiAddress, isCivitai } from '../../models/civitai.js';
import { downloads } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { stock } from '../../models/stock.js';
import { upload } from '../../models/uploads.js';
import { openDialog } from '../dialog.js';
import { wayOut, whyText } from '../download_row.js';
import { FormElement } from '../form.js';
import { icon } from '../icons.js';
import { fact, fileAddress, pageLink } from './rows.js';

const EXAMPLE = 'https://huggingface.co/…';
const SETTLE_MS = 400;
const PICKLE = /\.(ckpt|pt|pth|bin|pkl)$/i;

/** Open the dialog that brings a model: from a link, or from this device. */
export function openAdd(reference = '') {
  openDialog({
    label: t('models.addTitle'),
    content: (close) => html`<model-add .reference=${reference} .close=${close}></model-add>`,
  });
}

class ModelAdd extends FormElement {
  static properties = { reference: {}, close: { attribute: false } };

  constructor() {
    super();
    this.way = 'link';
    this.look = null;
    this.folder = '';
    this.name = '';
    this.allowPickle = false;
    this.file = null;
    this.sent = null;
    this.aborting = new AbortController();
  }

  async connectedCallback() {
    super.connectedCallback();
    try {
      await stock.loadChoices();
    } catch (error) {
      this.error = error;
    }
    if (this.reference) this.#ask(this.reference);
    this.requestUpdate();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.settling);
    this.aborting.abort();
  }

  render() {
    return html`
      <header class="view-head">
        <h2>${t('models.addTitle')}</h2>
        <button class="bare" aria-label=${t('shell.close')} @click=${() => this.close()}>${icon('close')}</button>
      </header>
      ${session.can('assets') ? this.#ways() : nothing}
      ${this.way === 'link' ? this.#link() : this.#device()}
    `;
  }

  #ways() {
    const turn = (way) => () => {
      Object.assign(this, { way, error: null });
      this.requestUpdate();
    };
    return html`
      <fieldset class="segments" ?disabled=${this.busy}>
        <legend class="unseen">${t('models.way')}</legend>
        ${['link', 'device'].map(
          (way) => html`<button type="button" aria-pressed=${this.way === way ? 'true' : 'false'} @click=${turn(way)}>
            ${icon(way === 'link' ? 'link' : 'upload')}${t(`models.way.${way}`)}
          </button>`,
        )}
      </fieldset>
    `;
  }

  #link() {
    const { look } = this;
    return html`
      <form class="model-add" @submit=${(event) => this.submitted(event, () => this.#fetch())}>
        <label class="field">
          <span>${t('models.link')}</span>
          <input
            name="reference"
            type="text"
            inputmode="url"
            autofocus
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            placeholder=${EXAMPLE}
            .value=${live(this.reference)}
            @input=${({ target }) => this.#typed(target.value)}
          />
          <small>${t('models.linkHelp')}</small>
        </label>
        <p class="hint" role="status">${this.isLooking ? t('models.looking') : ''}</p>
        ${isCivitai(this.reference)
          ? html`<a class="link" href=${civitaiAddress(this.reference)}>${t('models.civitaiLook')}</a>`
          : nothing}
        ${look ? this.#seen(look) : nothing} ${this.#refusal()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.close()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy || !look || !this.folder || (this.#isPickle && !this.allowPickle)}>
            ${icon('download')}${t('models.fetch')}
          </button>
        </div>
      </form>
    `;
  }

  #seen(look) {
    const size = look.size_bytes ?? look.about_bytes;
    return html`
      ${look.here
        ? html`<p class="banner is-note">
            ${icon('info')}<span>${t('models.isHere')} <a class="link" href=${fileAddress(look.here.id)}>${look.here.folder}/${look.here.name}</a></span>
          </p>`
        : nothing}
      <dl class="model-facts">
        ${fact(t('models.fact.size'), size ? sizeText(size) : t('models.sizeUnknown'))}
        ${fact(t('models.fact.license'), look.license ?? t('models.unknown'))}
        ${fact(t('models.fact.page'), look.page && pageLink(look.page))}
        ${fact('SHA-256', look.sha256 ? html`<code>${look.sha256}</code>` : t('models.hashUnknown'))}
      </dl>
      ${this.#place(look.told_by)} ${this.#pickle()}
    `;
  }

  /** Where it goes: chosen by a person, or guessed and shown. */
  #place(toldBy = null) {
    const guess = toldBy ? t(`models.toldBy.${toldBy}`) : this.folder ? '' : t('models.chooseFolder');
    return html`
      <div class="fields">
        <label class="field">
          <span>${t('models.folder')}</span>
          <select
            name="folder"
            required
            @change=${({ target }) => {
              this.folder = target.value;
              this.isChosen = true;
              this.requestUpdate();
            }}
          >
            <option value="" ?disabled=${Boolean(this.folder)} .selected=${live(!this.folder)}>…</option>
            ${(stock.folders ?? []).map((each) => html`<option value=${each} .selected=${live(each === this.folder)}>${each}</option>`)}
          </select>
          <small>${this.isChosen ? '' : guess}</small>
        </label>
        <label class="field">
          <span>${t('models.fact.file')}</span>
          <input
            name="name"
            required
            autocomplete="off"
            spellcheck="false"
            .value=${live(this.name)}
            @input=${({ target }) => {
              this.name = target.value;
              this.requestUpdate();
            }}
          />
        </label>
      </div>
    `;
  }

  get #isPickle() {
    return PICKLE.test(this.name.trim()) || Boolean(this.look?.pickle);
  }

  /** A format that can run code: only the owner may take it, and says so for this one file. */
  #pickle() {
    if (!this.#isPickle) return nothing;
    return html`
      <div class="banner is-warning">
        ${icon('warning')}
        <span>${t('models.pickle')} ${session.isOwner ? nothing : t('models.pickleOwner')}</span>
      </div>
      ${session.isOwner
        ? html`<label class="check">
            <input
              type="checkbox"
              name="allow"
              .checked=${live(this.allowPickle)}
              @change=${({ target }) => {
                this.allowPickle = target.checked;
                this.requestUpdate();
              }}
            />
            ${t('models.allowPickle')}
          </label>`
        : nothing}
    `;
  }

  #refusal() {
    const { error } = this;
    return html`<div class="problem" role="alert">
      ${error
        ? html`<p class="error-text">${whyText(error)} <code>${error.code}</code></p>
            <div class="inline-buttons">${wayOut(error)}</div>`
        : nothing}
    </div>`;
  }

  #typed(text) {
    this.reference = text.trim();
    Object.assign(this, { look: null, error: null, isLooking: false });
    clearTimeout(this.settling);
    if (this.reference) this.settling = setTimeout(() => this.#ask(this.reference), SETTLE_MS);
    this.requestUpdate();
  }

  async #ask(reference) {
    this.isLooking = true;
    this.requestUpdate();
    try {
      const look = await api.post('/api/models/look', { reference }, { signal: this.aborting.signal });
      if (reference !== this.reference) return;
      Object.assign(this, { look, name: look.name, allowPickle: false });
      if (!this.isChosen) this.folder = look.folder ?? '';
    } catch (error) {
      if (error.name === 'AbortError' || reference !== this.reference) return;
      this.error = error;
    }
    this.isLooking = false;
    this.requestUpdate();
  }

  async #fetch() {
    const { reference, folder, name, look, allowPickle } = this;
    const wish = { reference, folder, name: name.trim() };
    if (look.sha256) wish.sha256 = look.sha256;
    if (look.size_bytes) wish.size_bytes = look.size_bytes;
    if (allowPickle) wish.allow_pickle = true;
    const download = await downloads.add(wish);
    await this.close();
    notices.say(t('models.fetching', { name: download.name ?? name }));
  }

  #device() {
    const { sent } = this;
    return html`
      <form class="model-add" @submit=${(event) => this.submitted(event, () => this.#send())}>
        <label class="field">
          <span>${t('models.deviceFile')}</span>
          <input
            type="file"
            required
            accept=".safetensors,.gguf,.onnx,.sft"
            ?disabled=${this.busy}
            @change=${({ target }) => this.#picked(target.files[0])}
          />
        </label>
        ${this.file ? this.#place() : nothing}
        ${sent === null
          ? nothing
          : html`<progress max="1" .value=${sent.part} aria-label=${t(`models.sending.${sent.step}`)}></progress>
              <p class="hint" role="status">
                ${t(`models.sending.${sent.step}`)} ${t('models.percent', { count: Math.floor(sent.part * 100) })}
              </p>`}
        ${this.#refusal()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.close()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy || !this.file || !this.folder}>
            ${icon('upload')}${t('models.send')}
          </button>
        </div>
      </form>
    `;
  }

  #picked(file) {
    Object.assign(this, { file: file ?? null, name: file?.name ?? '', error: null, look: null });
    this.requestUpdate();
  }

  async #send() {
    const { file, folder, name } = this;
    const show = (step) => (part) => {
      this.sent = { step, part };
      this.requestUpdate();
    };
    try {
      const handlers = { onHash: show('hash'), onSend: show('send') };
      await upload(file, handlers, this.aborting.signal, `models/${folder}/${name.trim()}`);
    } catch (error) {
      this.sent = null;
      if (this.aborting.signal.aborted) return;
      throw error;
    }
    await Promise.all([this.close(), stock.items && stock.load()]);
    notices.say(t('models.sent', { name, folder }));
  }
}

customElements.define('model-add', ModelAdd);
