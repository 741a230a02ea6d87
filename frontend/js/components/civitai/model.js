import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { copyText } from '../../core/clipboard.js';
import { dateText, sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { icon } from '../icons.js';
import { fact } from '../models/rows.js';
import { installState } from './install.js';
import './gallery.js';

const joined = (...parts) => parts.filter(Boolean).join(' · ');

/** A model of Civitai's: its versions, their files, and what people made with the one that is chosen. */
class CivitaiModel extends Element {
  static properties = { model: { attribute: false } };

  willUpdate(changed) {
    const former = changed.get('model');
    // The same one, asked for again, keeps what was chosen.
    if (changed.has('model') && former?.id !== this.model.id) this.versionId = this.model.chosen;
  }

  get #version() {
    const { versions } = this.model;
    return versions.find(({ id }) => id === this.versionId) ?? versions[0];
  }

  render() {
    const { model } = this;
    const version = this.#version;
    return html`
      <section class="card">
        <div class="model-head">
          <div>
            <h2>${model.name}</h2>
            <p class="hint">${joined(model.type, model.creator && t('civitai.by', { name: model.creator }))}</p>
            ${model.nsfw ? html`<p class="marks"><span class="mark">${t('civitai.notForEverybody')}</span></p>` : nothing}
          </div>
          <a class="button" href=${pageOf(model, version)} target="_blank" rel="noreferrer noopener">${icon('link')}${t('civitai.toPage')}</a>
        </div>
        ${model.versions.length > 1 ? this.#choice(version) : nothing}
        ${version ? this.#of(version) : html`<p class="hint">${t('civitai.noVersions')}</p>`}
        ${model.description
          ? html`<details class="civitai-text">
              <summary>${t('civitai.description')}</summary>
              <p>${model.description}</p>
            </details>`
          : nothing}
      </section>
      ${version
        ? html`<section class="card">
            <h2>${t('civitai.examples')}</h2>
            <civitai-gallery .version=${version.id}></civitai-gallery>
          </section>`
        : nothing}
    `;
  }

  #choice(version) {
    const choose = ({ target }) => {
      this.versionId = Number(target.value);
      this.requestUpdate();
    };
    return html`
      <label class="field civitai-version">
        <span>${t('civitai.version')}</span>
        <select @change=${choose}>
          ${this.model.versions.map(
            (each) => html`<option value=${each.id} .selected=${each === version}>
              ${joined(each.name, each.base_model)}
            </option>`,
          )}
        </select>
      </label>
    `;
  }

  #of(version) {
    const { license } = this.model;
    return html`
      <dl class="model-facts">
        ${fact(t('models.family'), version.base_model)}
        ${fact(t('models.fact.license'), license ?? t('models.unknown'))}
      </dl>
      ${version.trained_words.length
        ? html`<div>
            <h3>${t('civitai.words')}</h3>
            <div class="words">
              ${version.trained_words.map(
                (word) => html`<button @click=${() => copied(word)}>${icon('copy')}${word}</button>`,
              )}
            </div>
          </div>`
        : nothing}
      ${notes(version)}
      <h3>${t('civitai.files')}</h3>
      <ul class="rows">
        ${version.files.map((file) => html`<li class="row civitai-file">${fileRow(file)}</li>`)}
      </ul>
      ${version.files.length ? nothing : html`<p class="hint">${t('civitai.noFiles')}</p>`}
    `;
  }
}

const pageOf = ({ page }, version) => (version ? `${page}?modelVersionId=${version.id}` : page);

/** Why a version may not be had just so. */
function notes({ early_access_until: until, downloadable }) {
  const date = until && !Number.isNaN(Date.parse(until)) ? dateText(until) : null;
  return html`
    ${until
      ? html`<p class="banner is-note">
          ${icon('lock')}<span>${date ? t('civitai.earlyUntil', { date }) : t('civitai.early')}</span>
        </p>`
      : nothing}
    ${downloadable
      ? nothing
      : html`<p class="banner is-note">${icon('lock')}<span>${t('civitai.onlyThere')}</span></p>`}
  `;
}

function fileRow(file) {
  const { name, folder, about_bytes: size, format, precision, entry } = file;
  return html`
    <div class="row-words">
      <span class="row-title" title=${name}>${name}</span>
      <span class="hint">${joined(folder ?? t('civitai.folderOpen'), size && sizeText(size), format, precision, file.size)}</span>
      <span class="marks">
        ${file.primary ? html`<span class="mark is-plain">${t('civitai.primary')}</span>` : nothing}
        ${file.scanned ? nothing : html`<span class="mark">${t('civitai.unscanned')}</span>`}
      </span>
    </div>
    ${installState(file)}
    ${entry && mayFetch()
      ? html`<button @click=${() => catalogued(entry)}>
          ${icon('plus')}<span>${t('civitai.toCatalog')}<span class="unseen"> ${name}</span></span>
        </button>`
      : nothing}
  `;
}

const copied = (word) =>
  notices.attempt(async () => {
    await copyText(word);
    notices.say(t('shell.copied'));
  });

const catalogued = (entry) =>
  notices.attempt(async () => {
    await api.put(`/api/catalog/${encodeURIComponent(entry.id)}`, entry);
    notices.say(t('civitai.catalogued', { name: entry.name }));
  });

customElements.define('civitai-model', CivitaiModel);
