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
/** What the form shows, each with words for what is wrong with it. */
const FIELDS = ['name', 'reference', 'folder', 'file', 'family', 'license', 'page', 'sha256', 'trigger_words', 'tags'];
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
    const wrong = wrongFields(this.error);
    const place = (name, label, control, { isRequired = false, help = '' } = {}) => html`
      <div class="entry-field">
        <label class="field ${isRequired ? 'is-required' : ''}">
          <span>${label}</span>
          ${control}
          ${help ? html`<small>${help}</small>` : nothing}
        </label>
        ${wrong.has(name) ? html`<p class="error-text" id=${`wrong-${name}`}>${wrongText(name, this.sent[name])}</p>` : nothing}
      </div>
    `;
    const field = (name, label, options = {}) =>
      place(
        name,
        label,
        html`<input
          name=${name}
          .value=${[entry[name] ?? ''].flat().join(', ')}
          ?required=${options.isRequired}
          aria-invalid=${wrong.has(name) ? 'true' : nothing}
          aria-describedby=${wrong.has(name) ? `wrong-${name}` : nothing}
          autocomplete="off"
          spellcheck="false"
        />`,
        options,
      );
    const list = (name, label, options, selected) =>
      place(
        name,
        label,
        html`<select name=${name}>
          ${options.map(([value, text]) => html`<option value=${value} .selected=${value === selected}>${text}</option>`)}
        </select>`,
      );
    const words = { help: t('models.wordsHelp') };
    return html`
      <form class="entry-form" novalidate @submit=${(event) => this.#send(event)}>
        <p class="hint">${t('models.requiredHelp')}</p>
        ${field('name', t('models.fact.title'), { isRequired: true })}
        ${field('reference', t('models.fact.source'), { isRequired: true, help: t('models.referenceHelp') })}
        ${list('folder', t('models.folder'), (stock.folders ?? []).map((each) => [each, each]), entry.folder)}
        ${field('file', t('models.fact.file'), { isRequired: true })}
        ${list('family', t('models.family'), familyChoices(entry), familyOf(entry))}
        ${field('license', t('models.fact.license'))} ${field('page', t('models.fact.page'))} ${field('sha256', 'SHA-256')}
        ${field('trigger_words', t('models.triggerWords'), words)} ${field('tags', t('models.fact.tags'), words)}
        ${wrong.size ? html`<div class="problem" role="alert"><p class="error-text">${t('models.wrong')}</p></div>` : this.problem()}
        <div class="dialog-actions"><button class="primary" ?disabled=${this.busy}>${t('models.save')}</button></div>
      </form>
    `;
  }

  /** What Studio does not take is said beside its field; the first of them is gone to. */
  async #send(event) {
    await this.submitted(event, (values) => this.#save(values));
    await this.updateComplete;
    this.querySelector('.entry-form [aria-invalid]')?.focus();
  }

  async #save(values) {
    const list = (text) => text.split(/[,，、]/).map((word) => word.trim()).filter(Boolean);
    const text = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.trim() || null]));
    text.sha256 = text.sha256?.toLowerCase() ?? null;
    this.sent = text;
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

/** The fields of the form that Studio does not take; none when it says more than the form can. */
function wrongFields(error) {
  const names = (error?.details?.problems ?? []).map(({ path }) => /\.([a-z_0-9]+)(\[\d+\])?$/.exec(path)?.[1]);
  return new Set(names.every((name) => FIELDS.includes(name)) ? names : []);
}

const wrongText = (name, value) => t(value ? `models.wrong.${name}` : 'models.wrong.needed');

/** The base model that an entry names, in whatever spelling. */
const familyOf = ({ family, family_name: name }) =>
  stock.families?.find((each) => each.id === family || each.name === name)?.id ?? family ?? '';

/** All base models by name; one that an entry names and nobody knows stays. */
function familyChoices(entry) {
  const families = (stock.families ?? []).map(({ id, name }) => [id, name]).sort(([, a], [, b]) => a.localeCompare(b));
  const own = familyOf(entry);
  const isForeign = own && !families.some(([id]) => id === own);
  return [['', t('models.familyUnknown')], ...(isForeign ? [[own, own]] : []), ...families];
}

/** What a catalog keeps of an entry. */
const own = (entry) => Object.fromEntries(KEPT.map((name) => [name, entry[name]]));

/** An id of a person's own entry; a second one of the same name is another one. */
function newId(name) {
  const word = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40);
  return `own-${word || 'model'}-${Date.now().toString(36)}`;
}

customElements.define('model-entry', ModelEntry);
