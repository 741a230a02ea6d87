import { Element, html, nothing } from '../core/element.js';
import { explain, t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { notices } from '../models/notices.js';
import { upload } from '../models/uploads.js';
import { isFile } from '../models/values.js';
import { icon } from './icons.js';
import { openLibrary } from './library_picker.js';
import { openMask } from './mask_painter.js';

const ACCEPT = { image: 'image/*', mask: 'image/*', video: 'video/*', audio: 'audio/*', file: '' };

/** What Studio calls a file of this type. */
const kindOf = (file) => /^(image|video|audio)\//.exec(file.type)?.[1] ?? 'file';

/** A file of the form: dropped, pasted, chosen, taken from the library, or painted. */
class FileInput extends Element {
  static properties = {
    field: { attribute: false },
    value: { attribute: false },
    onChange: { attribute: false },
    sending: { state: true },
    depth: { state: true },
  };

  constructor() {
    super();
    this.sending = null;
    this.depth = 0;
    this.onPaste = (event) => this.#paste(event);
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener('paste', this.onPaste);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener('paste', this.onPaste);
    this.controller?.abort();
  }

  get files() {
    return Array.isArray(this.value) ? this.value : this.value ? [this.value] : [];
  }

  get #isFull() {
    return !this.field.multiple && this.files.length > 0;
  }

  render() {
    const { field, files } = this;
    return html`
      <div
        class="files ${this.depth > 0 ? 'is-dropping' : ''}"
        @dragenter=${(event) => this.#drag(event, 1)}
        @dragleave=${(event) => this.#drag(event, -1)}
        @dragover=${(event) => event.preventDefault()}
        @drop=${(event) => this.#drop(event)}
      >
        ${files.length
          ? html`<ul class="file-list">
              ${files.map((file, index) => this.#file(file, index))}
            </ul>`
          : nothing}
        ${this.sending
          ? html`<p class="hint" role="status">
              ${this.sending}
              <button type="button" class="bare" @click=${() => this.controller.abort()}>${t('shell.cancel')}</button>
            </p>`
          : nothing}
        ${this.#isFull && !this.sending ? nothing : html`<p class="hint">${t(`making.drop.${field.type}`)}</p>`}
        <div class="file-actions">
          <label class="button">
            ${icon('upload')}${this.#isFull ? t('making.replace') : t('making.chooseFile')}
            <input
              class="unseen"
              type="file"
              accept=${ACCEPT[field.type]}
              ?multiple=${field.multiple}
              aria-label=${t('making.chooseFor', { name: field.name })}
              @change=${({ target }) => this.#chosen(target)}
            />
          </label>
          <button type="button" @click=${() => this.#pick()}>${icon('library')}${t('making.fromLibrary')}</button>
          ${field.type === 'mask'
            ? html`<button type="button" @click=${() => this.#paint()}>${icon('brush')}${t('making.paint')}</button>`
            : nothing}
        </div>
      </div>
    `;
  }

  #file(file, index) {
    const url = `/api/assets/${file.asset}`;
    const { type } = this.field;
    const hide = ({ target }) => target.classList.add('is-missing');
    return html`
      <li>
        ${['image', 'mask'].includes(type)
          ? html`<img src="${url}/thumbnail?size=large" alt=${file.name ?? ''} @error=${hide} />`
          : type === 'video'
            ? html`<img src="${url}/poster" alt=${file.name ?? ''} @error=${hide} />`
            : html`<span class="cover">${icon('file')}</span>`}
        <span class="file-name">${file.name ?? ''}</span>
        <button
          type="button"
          class="bare tool"
          aria-label=${t('making.removeFile', { name: file.name ?? this.field.name })}
          @click=${() => this.#remove(index)}
        >
          ${icon('close')}
        </button>
      </li>
    `;
  }

  #remove(index) {
    this.onChange(this.field.multiple ? this.files.filter((_, each) => each !== index) : null);
  }

  #add(...files) {
    this.onChange(this.field.multiple ? [...this.files, ...files] : files.at(-1));
  }

  #drag(event, by) {
    event.preventDefault();
    this.depth = Math.max(0, this.depth + by);
  }

  #drop(event) {
    event.preventDefault();
    this.depth = 0;
    this.send(...event.dataTransfer.files);
  }

  /** A picture from the clipboard goes to the field in focus, else to the first that is free. */
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    const isElsewhere = document.activeElement?.closest('file-input') ?? this;
    if (!files.length || event.defaultPrevented || isElsewhere !== this || this.#isFull) return;
    event.preventDefault();
    this.send(...files);
  }

  #chosen(input) {
    this.send(...input.files);
    // The same file may be chosen again.
    input.value = '';
  }

  /** Upload files, and take them up. */
  async send(...files) {
    const wanted = this.field.multiple ? files : files.slice(0, 1);
    for (const file of wanted) {
      this.controller = new AbortController();
      const { signal } = this.controller;
      const shown = (key) => (part) => (this.sending = t(key, { percent: Math.round(part * 100) }));
      this.sending = t('making.uploading', { percent: 0 });
      try {
        const handlers = { onHash: shown('making.hashing'), onSend: shown('making.uploading') };
        const asset = await upload(file, handlers, signal);
        this.#add({ asset: asset.id, name: file.name, kind: kindOf(file) });
      } catch (error) {
        if (!signal.aborted) notices.say(explain(error), { code: error.code ?? '', isError: true });
      }
      this.sending = null;
    }
  }

  async #pick() {
    const found = await openLibrary(this.field.type === 'mask' ? 'image' : this.field.type, this.field.multiple);
    if (found?.length) this.#add(...found);
  }

  async #paint() {
    const source = draft.fields.find(({ type }) => type === 'image');
    const value = source && draft.value(source);
    const picture = Array.isArray(value) ? value[0] : value;
    if (!picture) {
      notices.say(t('making.paintWhat', { name: source?.name ?? '' }));
      return;
    }
    const blob = await openMask(picture);
    if (blob) await this.send(new File([blob], 'mask.png', { type: 'image/png' }));
  }
}

customElements.define('file-input', FileInput);

/** Take up a file that was dropped beside the fields: the first that fits and is free. */
export function bringFile(file) {
  const kind = kindOf(file);
  const fits = draft.fields.filter((field) => isFile(field) && (field.type === kind || field.type === 'file'));
  const field = fits.find((each) => !draft.value(each)) ?? fits[0];
  const place = field && document.querySelector(`[data-input="${CSS.escape(field.id)}"] file-input`);
  if (place) place.send(file);
  else notices.say(t('making.noPlace', { name: file.name }));
}
