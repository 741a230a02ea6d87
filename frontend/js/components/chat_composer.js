import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { thumbnailUrl } from '../models/job.js';
import { chats } from '../models/chats.js';
import { notices } from '../models/notices.js';
import { upload } from '../models/uploads.js';
import { icon } from './icons.js';
import './menu.js';
import { pickPictures } from './picking.js';

const MOST_FILES = 8;
const TYPES = 'image/png,image/jpeg,image/webp,image/gif';

/** Where one writes: text, pictures, send or stop. `onSend` gets {text, files}. */
class ChatComposer extends Element {
  static properties = {
    onSend: { attribute: false },
    files: { state: true },
    isBusy: { state: true },
  };

  constructor() {
    super();
    this.files = [];
    this.isBusy = false;
    this.sending = 0;
    this.watch(chats);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.aborting?.abort();
  }

  render() {
    return html`
      <form
        class="chat-composer"
        @submit=${(event) => this.#submit(event)}
        @dragover=${(event) => event.preventDefault()}
        @drop=${(event) => this.#take(event, event.dataTransfer.files)}
      >
        ${this.files.length
          ? html`<ul class="chat-files">
              ${this.files.map(
                (id) => html`<li>
                  <img src=${thumbnailUrl({ id })} alt=${t('chat.picture')} />
                  <button type="button" class="round" aria-label=${t('chat.takeAway')} @click=${() => this.#drop(id)}>
                    ${icon('close')}
                  </button>
                </li>`,
              )}
            </ul>`
          : nothing}
        <div class="chat-line">
          <menu-button
            label=${t('chat.attach')}
            symbol="plus"
            .items=${[
              { label: t('chat.fromDevice'), icon: 'upload', run: () => this.querySelector('[type="file"]').click() },
              { label: t('chat.fromLibrary'), icon: 'library', run: () => notices.attempt(() => this.#pick()) },
            ]}
          ></menu-button>
          <input
            type="file"
            hidden
            accept=${TYPES}
            multiple
            aria-label=${t('chat.attach')}
            @change=${(event) => this.#take(event, event.target.files)}
          />
          <textarea
            rows="1"
            maxlength="100000"
            aria-label=${t('chat.write')}
            placeholder=${t('chat.write')}
            @input=${({ target }) => grow(target)}
            @keydown=${(event) => this.#onKey(event)}
            @paste=${(event) => event.clipboardData.files.length && this.#take(event, event.clipboardData.files)}
          ></textarea>
          ${chats.isWriting
            ? html`<button type="button" class="round is-stop" aria-label=${t('chat.stop')} title=${t('chat.stop')} @click=${() => notices.attempt(() => chats.stop())}>
                ${icon('close')}
              </button>`
            : html`<button class="round primary" aria-label=${t('chat.send')} title=${t('chat.send')} ?disabled=${this.isBusy}>
                ${icon('up')}
              </button>`}
        </div>
      </form>
    `;
  }

  get field() {
    return this.querySelector('textarea');
  }

  #onKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    // A finger has no Shift: there Enter is a new line, and the button sends.
    if (matchMedia('(pointer: coarse)').matches) return;
    event.preventDefault();
    this.querySelector('form').requestSubmit();
  }

  async #submit(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    const { files } = this;
    if ((!text && !files.length) || this.isBusy || chats.isWriting) return;
    this.isBusy = true;
    await notices.attempt(async () => {
      await this.onSend({ text, files });
      this.files = [];
      this.field.value = '';
      grow(this.field);
    });
    this.isBusy = false;
    this.field.focus();
  }

  async #take(event, chosen) {
    event.preventDefault();
    event.stopPropagation();
    const pictures = [...chosen].filter(({ type }) => TYPES.includes(type)).slice(0, MOST_FILES - this.files.length);
    if (event.target.type === 'file') event.target.value = '';
    this.aborting ??= new AbortController();
    this.isBusy = true;
    const handlers = { onHash: () => {}, onSend: () => {} };
    await notices.attempt(async () => {
      for (const file of pictures) {
        const asset = await upload(file, handlers, this.aborting.signal);
        if (!this.files.includes(asset.id)) this.files = [...this.files, asset.id];
      }
    });
    this.isBusy = false;
  }

  async #pick() {
    const found = await pickPictures(true);
    this.files = [...new Set([...this.files, ...found])].slice(0, MOST_FILES);
    this.field.focus();
  }

  #drop(id) {
    this.files = this.files.filter((each) => each !== id);
    this.field.focus();
  }
}

customElements.define('chat-composer', ChatComposer);

function grow(field) {
  field.rows = Math.min(10, Math.max(1, field.value.split('\n').length, Math.ceil(field.value.length / 70)));
}
