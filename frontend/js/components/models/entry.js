import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { router } from '../../core/router.js';
import { downloads, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { entryPath, stock } from '../../models/stock.js';
import { errorText, FormElement } from '../form.js';
import { icon } from '../icons.js';
import { entryAddress, fact, fileAddress, installButton, pageLink, wayHere, wordsOf } from './rows.js';

const NEW = 'new';
const KEPT = [
  'name', 'folder', 'file', 'reference', 'family', 'size_bytes', 'sha256', 'license', 'page', 'gated', 'trigger_words',
  'pair', 'tags',
];
const BLANK = { name: '', folder: 'checkpoints', file: '', reference: '', trigger_words: [], tags: [] };

/** One entry of the catalogs: what it is, how to have it, and for whoever may, how to change it. */
class ModelEntry extends FormElement {
  static properties = { entryId: {} };

  constructor() {
    super();
    this.watch(downloads, stock);
    this.onArrival = () => this.entry && this.load();
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    downloads.addEventListener('arrived', this.onArrival);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    downloads.removeEventListener('arrived', this.onArrival);
  }

  willUpdate(changed) {
    if (!changed.has('entryId')) return;
    Object.assign(this, { entry: null, missing: null, error: null });
    this.load();
  }

  load = async () => {
    const id = this.entryId;
    try {
      await stock.loadChoices();
      const entry = id === NEW ? BLANK : await api.get(entryPath(id));
      if (id !== this.entryId) return;
      Object.assign(this, { entry, missing: null });
      if (entry.name) document.title = `${entry.name} · ${t('shell.name')}`;
    } catch (error) {
      this.missing = error;
    }
    this.requestUpdate();
  };

  render() {
    const { entry, missing } = this;
    return html`
      <a class="back" href="#/models">${icon('left')}${t('shell.views.models')}</a>
      ${missing
        ? html`<div class="problem" role="alert">
            ${errorText(missing)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
          </div>`
        : nothing}
      ${entry ? (this.entryId === NEW ? this.#new(entry) : this.#whole(entry)) : nothing}
    `;
  }

  #new(entry) {
    if (!mayFetch()) return html`<p class="hint">${t('models.noneMember')}</p>`;
    return html`<h1>${t('models.newEntry')}</h1><section class="card">${this.#form(entry)}</section>`;
  }

  #whole(entry) {
    return html`
      <header class="model-head">
        <div>
          <h1>${entry.name}</h1>
          <p class="hint">
            ${[entry.folder, entry.size_bytes && sizeText(entry.size_bytes), entry.family_name].filter(Boolean).join(' · ')}
          </p>
          <p class="marks">
            ${entry.gated ? html`<span class="mark">${t('models.gated')}</span>` : nothing}
            <span class="mark ${entry.state === 'present' ? 'is-good' : 'is-plain'}">${t(`models.state.${entry.state}`)}</span>
            <span class="mark is-plain">${t(`models.origin.${entry.origin}`)}</span>
          </p>
        </div>
        <div class="model-actions">
          ${entry.present_as
            ? html`<a class="button" href=${fileAddress(entry.present_as.id)}>${icon('right')}${t('models.toFile')}</a>`
            : nothing}
          ${entry.gated && entry.page
            ? html`<a class="button" href=${entry.page} target="_blank" rel="noreferrer noopener">
                ${icon('link')}${t('models.toLicence')}
              </a>`
            : nothing}
          ${installButton(entry)}
        </div>
      </header>
      ${wayHere(entry)}
      <div class="model-columns">
        <section class="card" aria-labelledby="entry-facts">
          <h2 id="entry-facts">${t('models.facts')}</h2>
          <dl class="model-facts">
            ${fact(t('models.fact.place'), html`<code>${entry.folder}/${entry.file}</code>`)}
            ${fact(t('models.family'), entry.family_name)}
            ${fact(t('models.fact.license'), entry.license ?? t('models.unknown'))}
            ${fact(t('models.fact.page'), entry.page && pageLink(entry.page))}
            ${fact(t('models.fact.size'), entry.size_bytes ? sizeText(entry.size_bytes) : t('models.sizeUnknown'))}
            ${fact('SHA-256', entry.sha256 ? html`<code>${entry.sha256}</code>` : t('models.hashUnknown'))}
            ${fact(t('models.fact.source'), html`<code>${entry.reference}</code>`)}
            ${fact(t('models.fact.tags'), entry.tags.join(', '))}
          </dl>
        </section>
        <div class="model-side">
          <section class="card" aria-labelledby="entry-words">
            <h2 id="entry-words">${t('models.triggerWords')}</h2>
            ${wordsOf(entry.trigger_words)}
          </section>
        </div>
      </div>
      ${mayFetch()
        ? html`<details class="card">
            <summary>${t('models.editEntry')}</summary>
            ${this.#form(entry)}
            <div class="inline-buttons">
              ${entry.origin === 'changed'
                ? html`<button @click=${() => this.#reset()}>${icon('again')}${t('models.resetEntry')}</button>`
                : nothing}
              <button class="danger" @click=${() => this.#remove(entry)}>${icon('remove')}${t('models.removeEntry')}</button>
            </div>
          </details>`
        : nothing}
    `;
  }

  /** What somebody typed stays when Studio does not take it. */
  #form(entry) {
    const field = (name, label, { required = false, help = '' } = {}) => html`
      <label class="field">
        <span>${label}</span>
        <input name=${name} .value=${String(entry[name] ?? '')} ?required=${required} autocomplete="off" spellcheck="false" />
        ${help ? html`<small>${help}</small>` : nothing}
      </label>
    `;
    const words = (name, label) => html`
      <label class="field">
        <span>${label}</span>
        <input name=${name} .value=${entry[name].join(', ')} autocomplete="off" />
        <small>${t('models.wordsHelp')}</small>
      </label>
    `;
    return html`
      <form class="entry-form" @submit=${(event) => this.submitted(event, (values) => this.#save(values))}>
        ${field('name', t('models.fact.title'), { required: true })}
        ${field('reference', t('models.fact.source'), { required: true, help: t('models.referenceHelp') })}
        <label class="field">
          <span>${t('models.folder')}</span>
          <select name="folder">
            ${(stock.folders ?? []).map((each) => html`<option value=${each} .selected=${each === entry.folder}>${each}</option>`)}
          </select>
        </label>
        ${field('file', t('models.fact.file'), { required: true })}
        ${field('family', t('models.family'))} ${field('license', t('models.fact.license'))}
        ${field('page', t('models.fact.page'))} ${field('sha256', 'SHA-256')}
        ${words('trigger_words', t('models.triggerWords'))} ${words('tags', t('models.fact.tags'))}
        ${this.problem()} ${this.#problems()}
        <div class="dialog-actions"><button class="primary" ?disabled=${this.busy}>${t('models.save')}</button></div>
      </form>
    `;
  }

  /** Every place of an entry that Studio does not take. */
  #problems() {
    const problems = this.error?.details?.problems;
    if (!problems) return nothing;
    return html`<ul class="entry-problems">
      ${problems.map(({ path, message }) => html`<li><code>${path}</code> ${message}</li>`)}
    </ul>`;
  }

  async #save(values) {
    const list = (text) => text.split(',').map((word) => word.trim()).filter(Boolean);
    const text = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.trim() || null]));
    const isNew = this.entryId === NEW;
    // What the form does not show stays: size, pair, whether there is a licence to accept.
    const before = isNew ? BLANK : own(this.entry);
    const body = { ...before, ...text, trigger_words: list(values.trigger_words), tags: list(values.tags) };
    // Of another file nobody knows the size.
    if (body.reference !== before.reference || body.sha256 !== before.sha256) body.size_bytes = null;
    const id = isNew ? newId(values.name) : this.entryId;
    this.entry = await api.put(entryPath(id), body);
    notices.say(t('models.saved'));
    if (isNew) location.hash = entryAddress(id);
  }

  #reset() {
    return notices.attempt(async () => {
      this.entry = await api.post(entryPath(this.entryId, '/reset'));
      this.requestUpdate();
    });
  }

  #remove(entry) {
    return notices.attempt(async () => {
      await api.remove(entryPath(entry.id));
      notices.undoable(t('models.entryRemoved', { name: entry.name }), () => api.put(entryPath(entry.id), own(entry)));
      router.go('models');
    });
  }
}

/** What a catalog keeps of an entry. */
const own = (entry) => Object.fromEntries(KEPT.map((name) => [name, entry[name]]));

/** An id of a person's own entry; a second one of the same name is another one. */
function newId(name) {
  const word = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40);
  return `own-${word || 'model'}-${Date.now().toString(36)}`;
}

customElements.define('model-entry', ModelEntry);
