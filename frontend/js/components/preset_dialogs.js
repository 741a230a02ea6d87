import { html, live, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { copyText } from '../core/clipboard.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { kindOf, posterUrl, thumbnailUrl } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { wire } from '../models/orders.js';
import { presets } from '../models/presets.js';
import { session } from '../models/session.js';
import { coverUrl } from './composer.js';
import { openDialog } from './dialog.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';
import { itemsOf } from './tiles.js';

const LANGUAGES = [
  ['curl', 'curl'],
  ['python', 'Python'],
  ['javascript', 'JavaScript'],
];
const MOST_COVERS = 12;
/** What can stand for a preset, and where it is small. */
const SMALL = { image: thumbnailUrl, video: posterUrl };
const STARS = [1, 2, 3, 4, 5];

/** What a preset is called and how it looks; saved with the form's values where it is to be. */
class PresetForm extends FormElement {
  static properties = {
    preset: { attribute: false },
    cover: { state: true },
    rating: { state: true },
    withValues: { attribute: false },
    onDone: { attribute: false },
  };

  firstUpdated() {
    this.querySelector('[autofocus]')?.focus();
  }

  connectedCallback() {
    super.connectedCallback();
    this.rating = this.preset?.rating ?? 0;
    this.cover ??= this.preset?.cover ?? this.covers[0]?.id ?? null;
  }

  /** What to choose from, {id, url}: the present one, and pictures and videos that were made lately. */
  get covers() {
    const { preset } = this;
    const own = jobs.all.filter((job) => job.user_id === session.user?.id);
    const made = itemsOf(own).flatMap(({ output }) => {
      const url = SMALL[kindOf(output)]?.(output);
      return url ? [{ id: output.id, url }] : [];
    });
    const given = made.filter(({ id }) => id === this.given);
    const present = preset?.cover ? [{ id: preset.cover, url: coverUrl(preset) }] : [];
    const all = new Map([...present, ...given, ...made].map((each) => [each.id, each]));
    return [...all.values()].slice(0, MOST_COVERS);
  }

  render() {
    const { preset } = this;
    return html`
      <form @submit=${(event) => this.submitted(event, (fields) => this.#save(fields))}>
        <h2>${preset ? t('making.editPreset') : t('making.savePreset')}</h2>
        <label class="field">
          <span>${t('making.name')}</span>
          <input name="name" required maxlength="100" autofocus .value=${preset?.name ?? ''} />
        </label>
        <label class="field">
          <span>${t('making.description')}</span>
          <textarea name="description" rows="2" maxlength="2000" .value=${preset?.description ?? ''}></textarea>
        </label>
        <label class="field">
          <span>${t('making.tags')}</span>
          <input name="tags" placeholder=${t('making.tagsHint')} .value=${(preset?.tags ?? []).join(', ')} />
        </label>
        <fieldset class="stars">
          <legend>${t('making.rating')}</legend>
          ${STARS.map(
            (star) => html`<button
              type="button"
              class="bare"
              aria-pressed=${this.rating >= star ? 'true' : 'false'}
              aria-label=${t('making.stars', { count: star })}
              @click=${() => (this.rating = this.rating === star ? 0 : star)}
            >
              ${icon('star')}
            </button>`,
          )}
        </fieldset>
        ${this.#covers()}
        <label class="switch">
          <span class="row-words"><span>${t('making.share')}</span><small>${t('making.shareHelp')}</small></span>
          <input type="checkbox" role="switch" name="shared" ?checked=${preset?.shared ?? false} />
        </label>
        ${this.problem()} ${this.error?.code === 'workflow_not_shared' ? this.#shareBoth() : nothing}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy}>${t('making.save')}</button>
        </div>
      </form>
    `;
  }

  #covers() {
    if (!this.covers.length) return nothing;
    const choice = (id, content, label) => html`
      <label class="cover-choice" title=${label}>
        <input
          type="radio"
          name="cover"
          aria-label=${label}
          .checked=${live(this.cover === id)}
          @change=${() => (this.cover = id)}
        />${content}
      </label>
    `;
    return html`
      <fieldset class="covers">
        <legend>${t('making.cover')}</legend>
        ${choice(null, html`<span class="cover">${icon('close')}</span>`, t('making.noCover'))}
        ${this.covers.map(({ id, url }, index) =>
          choice(id, html`<img class="cover" src=${url} alt="" />`, t('making.coverOf', { number: index + 1 })),
        )}
      </fieldset>
    `;
  }

  /** What others may run is no use to them without its workflow. */
  #shareBoth() {
    const share = async ({ currentTarget: { form } }) => {
      const { workflow_id: id } = this.error.details;
      const isShared = await notices.attempt(() => api.patch(`/api/workflows/${id}`, { shared: true }));
      if (isShared) form.requestSubmit();
    };
    return html`<button type="button" @click=${share}>${t('making.shareBoth')}</button>`;
  }

  async #save({ name, description, tags, shared }) {
    const { preset, cover, rating } = this;
    const fields = {
      name,
      description,
      tags: tags.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean),
      rating,
      shared: shared === 'on',
      cover,
      ...(this.withValues && { values: wire() }),
      ...(!preset && { workflow_id: draft.workflowId, workflow_version: draft.version }),
    };
    const saved = preset ? await presets.update(preset, fields) : await presets.create(fields);
    if (this.withValues) draft.becomePreset(saved);
    notices.say(t('making.saved', { name: saved.name }));
    this.onDone();
  }
}

customElements.define('preset-form', PresetForm);

function openForm(preset, withValues, cover = null) {
  openDialog({
    label: preset ? t('making.editPreset') : t('making.savePreset'),
    content: (close) => html`
      <preset-form
        .preset=${preset}
        .withValues=${withValues}
        .given=${cover}
        .cover=${cover}
        .onDone=${() => close()}
      ></preset-form>
    `,
  });
}

/** Save the form as a new preset, or into one. */
export const openSave = (preset, cover) => openForm(preset, true, cover);

/** Change what a preset is called and how it looks. */
export const openEdit = (preset) => openForm(preset, false);

/** A program that runs the preset. */
class PresetCode extends FormElement {
  static properties = { preset: { attribute: false }, language: { state: true }, code: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.#show('curl');
  }

  async #show(language) {
    this.language = language;
    await notices.attempt(async () => (this.code = await presets.code(this.preset, language)));
  }

  render() {
    const copy = () => copyText(this.code).then(() => notices.say(t('shell.copied')));
    return html`
      <h2>${t('making.codeOf', { name: this.preset.name })}</h2>
      <div class="segments" role="group" aria-label=${t('making.language')}>
        ${LANGUAGES.map(
          ([name, label]) => html`<button
            type="button"
            aria-pressed=${this.language === name ? 'true' : 'false'}
            @click=${() => this.#show(name)}
          >
            ${label}
          </button>`,
        )}
      </div>
      <pre class="code" tabindex="0" aria-label=${t('making.codeOf', { name: this.preset.name })}>${this.code ?? ''}</pre>
      <p class="hint">${t('making.codeHelp')}</p>
      <div class="dialog-actions">
        <button class="primary" @click=${() => notices.attempt(copy)}>${icon('copy')}${t('shell.copy')}</button>
      </div>
    `;
  }
}

customElements.define('preset-code', PresetCode);

export function openCode(preset) {
  openDialog({
    label: t('making.codeOf', { name: preset.name }),
    content: () => html`<preset-code .preset=${preset}></preset-code>`,
  });
}
