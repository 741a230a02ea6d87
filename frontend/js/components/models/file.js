import { Element, html, nothing } from '../../core/element.js';
import { ApiError, address, api } from '../../core/api.js';
import { copyText } from '../../core/clipboard.js';
import { agoText, dateText, sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { router } from '../../core/router.js';
import { mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { filePath, stock } from '../../models/stock.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';
import { removeModel } from './removal.js';
import { fact, marks, move, nameParts, pageLink, verify, wordsOf } from './rows.js';

const HASH_MS = 2000;
const TRIES = 8;
const SETTLE_MS = 500;

/** The id of the file of a place, as `loras/ink.safetensors`; what has just come is listed a moment later. */
async function idAt(place) {
  const at = place.indexOf('/');
  const [folder, name] = [place.slice(0, at), place.slice(at + 1)];
  for (let tries = 1; ; tries += 1) {
    const { items } = await api.get(address('/api/models', { folder, q: name, limit: 500 }));
    const found = items.find((each) => each.folder === folder && each.name === name);
    if (found) return found.id;
    if (tries === TRIES) throw new ApiError({ code: 'not_found', message: t('errors.not_found') });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
}

/**
 * One model file: what it is, where it comes from, who needs it, and what can be done with it. It is
 * told by its id, or by its place.
 */
class ModelFile extends Element {
  static properties = { fileId: {}, place: {} };

  constructor() {
    super();
    this.watch(stock);
  }

  willUpdate(changed) {
    if (!changed.has('fileId') && !changed.has('place')) return;
    Object.assign(this, { file: null, error: null });
    this.load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  load = async () => {
    const { fileId, place } = this;
    try {
      const id = fileId ?? (await idAt(place));
      const [file] = await Promise.all([api.get(filePath(id)), stock.loadChoices()]);
      if (fileId !== this.fileId || place !== this.place) return;
      Object.assign(this, { file, error: null });
      document.title = `${nameParts(file.name)[0]} · ${t('shell.name')}`;
      // Its hash is computed in the background.
      clearTimeout(this.timer);
      if (!file.sha256 && this.isConnected) this.timer = setTimeout(this.load, HASH_MS);
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  };

  render() {
    const { file, error } = this;
    return html`
      <a class="back" href="#/models">${icon('left')}${t('shell.views.models')}</a>
      ${error
        ? html`<div class="problem" role="alert">
            ${errorText(error)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
          </div>`
        : nothing}
      ${file ? this.#whole(file) : error ? nothing : html`<p class="hint" role="status">${t('shell.loading')}</p>`}
    `;
  }

  #whole(file) {
    const [name, below] = nameParts(file.name);
    return html`
      <header class="model-head">
        <div>
          <h1>${name}</h1>
          <p class="hint">${[file.folder, below, sizeText(file.size_bytes), file.family_name].filter(Boolean).join(' · ')}</p>
          <p class="marks">${marks(file)}</p>
        </div>
        ${mayFetch() ? this.#actions(file) : nothing}
      </header>
      ${file.fault ? html`<p class="error-text">${t(`models.faultHelp.${file.fault}`)}</p>` : nothing}
      <div class="model-columns">
        <section class="card" aria-labelledby="model-facts">
          <h2 id="model-facts">${t('models.facts')}</h2>
          ${facts(file)}
        </section>
        <div class="model-side">
          <section class="card" aria-labelledby="model-words">
            <h2 id="model-words">${t('models.triggerWords')}</h2>
            ${wordsOf(file.trigger_words)}
          </section>
          <section class="card" aria-labelledby="model-users">
            <h2 id="model-users">${t('models.usedBy')}</h2>
            ${users(file.needed_by)}
          </section>
        </div>
      </div>
      ${mayFetch() ? this.#own(file) : file.notes ? html`<section class="card"><p class="model-notes">${file.notes}</p></section>` : nothing}
    `;
  }

  #actions(file) {
    const act = (action) => async () => {
      await action();
      this.load();
    };
    return html`
      <div class="model-actions">
        ${file.belongs_in && file.writable
          ? html`<button class="primary" @click=${act(() => move(file))}>
              ${icon('board')}${t('models.moveTo', { folder: file.belongs_in })}
            </button>`
          : nothing}
        <button
          aria-pressed=${file.favourite ? 'true' : 'false'}
          @click=${act(() => this.#change({ favourite: !file.favourite }))}
        >
          ${icon('heart')}${t('models.favourite')}
        </button>
        <button @click=${act(() => verify(file))}>${icon('check')}${t('models.verify')}</button>
        ${file.writable
          ? html`<button class="danger" @click=${() => this.#remove(file)}>${icon('remove')}${t('models.delete')}</button>`
          : html`<span class="hint">${icon('lock')} ${t('models.readOnly')}</span>`}
      </div>
    `;
  }

  async #remove(file) {
    if (await removeModel(file)) router.go('models');
  }

  #change(facts) {
    return notices.attempt(async () => {
      this.file = await stock.change(this.file.id, facts);
      this.requestUpdate();
    });
  }

  /** What its owner knows better. */
  #own(file) {
    const families = stock.families ?? [];
    const known = families.some(({ id }) => id === file.family);
    const save = async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const words = form.get('words').split(/[,，、]/).map((word) => word.trim()).filter(Boolean);
      const facts = { family: form.get('family'), trigger_words: words, notes: form.get('notes') };
      if (await this.#change(facts)) notices.say(t('models.saved'));
    };
    return html`
      <details class="card">
        <summary>${t('models.own')}</summary>
        <form @submit=${save}>
          <label class="field">
            <span>${t('models.family')}</span>
            <select name="family">
              <option value="">${t('models.familyUnknown')}</option>
              ${file.family && !known ? html`<option value=${file.family} selected>${file.family_name}</option>` : nothing}
              ${families.map(({ id, name }) => html`<option value=${id} .selected=${id === file.family}>${name}</option>`)}
            </select>
          </label>
          <label class="field">
            <span>${t('models.triggerWords')}</span>
            <input name="words" .value=${file.trigger_words.join(', ')} autocomplete="off" />
            <small>${t('models.wordsHelp')}</small>
          </label>
          <label class="field">
            <span>${t('models.notes')}</span>
            <textarea name="notes" rows="3" maxlength="4000" .value=${file.notes}></textarea>
          </label>
          <div class="dialog-actions"><button class="primary">${t('models.save')}</button></div>
        </form>
        ${file.writable ? this.#elsewhere(file) : nothing}
      </details>
    `;
  }

  #elsewhere(file) {
    const go = async (event) => {
      event.preventDefault();
      await move(file, new FormData(event.target).get('folder'));
      this.load();
    };
    return html`
      <form class="inline" @submit=${go}>
        <label class="field">
          <span>${t('models.otherFolder')}</span>
          <select name="folder">
            ${(stock.folders ?? []).map((each) => html`<option value=${each} .selected=${each === file.folder}>${each}</option>`)}
          </select>
        </label>
        <button>${icon('board')}${t('models.move')}</button>
      </form>
    `;
  }
}

function facts(file) {
  const { facts: said, origin } = file;
  return html`
    <dl class="model-facts">
      ${fact(t('models.fact.title'), file.title)} ${fact(t('models.fact.author'), said.author)}
      ${fact(t('models.family'), file.family_name)} ${fact(t('models.fact.kind'), file.kind)}
      ${fact(t('models.fact.license'), said.license ?? origin?.license ?? t('models.unknown'))}
      ${fact(t('models.fact.page'), origin?.page ? pageLink(origin.page) : '')}
      ${fact(t('models.fact.size'), sizeText(file.size_bytes))}
      ${fact(t('models.fact.format'), [said.format, ...(said.types ?? [])].filter(Boolean).join(', '))}
      ${fact(t('models.fact.resolution'), said.resolution)}
      ${fact(t('models.fact.place'), html`<code>${file.place}/${file.name}</code>`)}
      ${fact('SHA-256', file.sha256 ? hash(file.sha256) : t('models.hashing'))}
      ${fact(t('models.fact.checked'), file.checked_at && agoText(file.checked_at))}
      ${fact(t('models.fact.source'), file.reference && html`<code>${file.reference}</code>`)}
      ${fact(t('models.fact.added'), dateText(file.added_at))}
      ${fact(t('models.fact.used'), file.used_at ? agoText(file.used_at) : t('models.never'))}
      ${fact(t('models.fact.description'), said.description)}
    </dl>
  `;
}

function hash(sha256) {
  const copy = () => notices.attempt(() => copyText(sha256).then(() => notices.say(t('shell.copied'))));
  return html`<code>${sha256}</code>
    <button class="bare" aria-label=${t('models.copyHash')} title=${t('models.copyHash')} @click=${copy}>${icon('copy')}</button>`;
}

function users({ workflows, in_use: isInUse }) {
  return html`
    ${isInUse ? html`<p>${t('models.inUse')}</p>` : nothing}
    ${workflows.length
      ? html`<ul class="model-users">
          ${workflows.map(({ id, name }) => html`<li><a class="link" href=${`#/workflows/${encodeURIComponent(id)}`}>${name}</a></li>`)}
        </ul>`
      : html`<p class="hint">${t('models.usedByNone')}</p>`}
  `;
}

customElements.define('model-file', ModelFile);
