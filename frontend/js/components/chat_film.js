import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { language, LANGUAGES, t } from '../core/messages.js';
import { kept } from '../core/store.js';
import { assist } from '../models/assist.js';
import { thumbnailUrl } from '../models/job.js';
import { notices } from '../models/notices.js';
import { recall } from '../models/recall.js';
import { upload } from '../models/uploads.js';
import { icon } from './icons.js';

const KEPT = 'film';
const SECONDS = 5;
const MOST_SCENES = 20;
const EMPTY = { picture: null, description: '', count: 3, scenes: [], preset: '' };

/**
 * From a picture to a film in steps that can be seen and changed: picture, description, scenes, and
 * the form of a preset that makes videos. Where one is outlives a reload.
 */
class ChatFilm extends Element {
  static properties = { state: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.state = { ...EMPTY, ...kept.get(KEPT, {}) };
    this.busy = '';
    this.presets = [];
    this.aborting = new AbortController();
  }

  connectedCallback() {
    super.connectedCallback();
    notices.attempt(async () => {
      const { items } = await api.get('/api/presets?limit=500');
      this.presets = items;
      this.requestUpdate();
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.aborting.abort();
  }

  #set(changes) {
    this.state = { ...this.state, ...changes };
    kept.set(KEPT, this.state);
  }

  async #run(name, work) {
    if (this.busy) return;
    this.busy = name;
    await notices.attempt(work);
    this.busy = '';
  }

  render() {
    return html`
      <header class="view-head">
        <a class="round" href="#/chat" aria-label=${t('chat.back')}>${icon('left')}</a>
        <h1>${t('chat.film')}</h1>
        <button @click=${() => this.#set(EMPTY)}>${icon('again')}${t('chat.filmAnew')}</button>
      </header>
      <p class="hint">${t('chat.filmHelp')}</p>
      <p class="unseen" role="status" aria-live="polite">${this.busy ? t('chat.isWriting') : ''}</p>
      <ol class="film-steps">
        <li>${this.#picture()}</li>
        <li>${this.#description()}</li>
        <li>${this.#scenes()}</li>
        <li>${this.#preset()}</li>
      </ol>
    `;
  }

  #picture() {
    const { picture } = this.state;
    const take = ({ target }) =>
      this.#run('picture', async () => {
        const handlers = { onHash: () => {}, onSend: () => {} };
        const asset = await upload(target.files[0], handlers, this.aborting.signal);
        this.#set({ picture: asset.id });
      });
    return html`
      <h2>${t('chat.filmPicture')}</h2>
      ${picture ? html`<img class="film-picture" src=${thumbnailUrl({ id: picture })} alt=${t('chat.picture')} />` : nothing}
      <label class="field">
        <span>${t('chat.filmChoose')}</span>
        <input type="file" accept="image/png,image/jpeg,image/webp" @change=${take} />
      </label>
    `;
  }

  #description() {
    const { picture, description } = this.state;
    const ask = (task) =>
      this.#run(task, async () => {
        const files = task === 'describe' ? [picture] : [];
        const text = task === 'describe' ? '' : description;
        const into = { language: LANGUAGES[language] };
        this.#set({ description: (await assist({ task, text, files, ...into })).text });
      });
    return html`
      <h2>${t('chat.filmDescription')}</h2>
      <textarea
        rows="5"
        maxlength="8000"
        aria-label=${t('chat.filmDescription')}
        .value=${description}
        @input=${({ target }) => this.#set({ description: target.value })}
      ></textarea>
      <div class="film-acts">
        <button ?disabled=${!picture || Boolean(this.busy)} @click=${() => ask('describe')}>
          ${icon('create')}${t('chat.filmDescribe')}
        </button>
        ${['improve', 'expand', 'translate'].map(
          (task) => html`<button ?disabled=${!description.trim() || Boolean(this.busy)} @click=${() => ask(task)}>
            ${t(`chat.help.${task}`)}
          </button>`,
        )}
      </div>
    `;
  }

  #scenes() {
    const { description, count, scenes } = this.state;
    const write = () =>
      this.#run('scenes', async () => {
        const asked = { task: 'scenes', text: description, count };
        this.#set({ scenes: (await assist(asked)).scenes });
      });
    const change = (at, text) => this.#set({ scenes: scenes.with(at, text) });
    return html`
      <h2>${t('chat.filmScenes')}</h2>
      <div class="film-acts">
        <label class="film-count">
          <span>${t('chat.filmCount')}</span>
          <input
            type="number"
            min="1"
            max=${MOST_SCENES}
            .value=${String(count)}
            @change=${({ target }) => target.reportValidity() && this.#set({ count: target.valueAsNumber || 1 })}
          />
        </label>
        <button ?disabled=${!description.trim() || Boolean(this.busy)} @click=${write}>
          ${icon('create')}${t('chat.filmWrite')}
        </button>
      </div>
      ${scenes.map(
        (scene, at) => html`<textarea
          rows="2"
          maxlength="8000"
          aria-label=${t('chat.filmScene', { number: at + 1 })}
          .value=${scene}
          @input=${({ target }) => change(at, target.value)}
        ></textarea>`,
      )}
    `;
  }

  #preset() {
    const { scenes, preset } = this.state;
    const chosen = this.presets.find(({ id }) => id === preset);
    return html`
      <h2>${t('chat.filmPreset')}</h2>
      <label class="field">
        <span>${t('chat.filmPresetHelp')}</span>
        <select @change=${({ target }) => this.#set({ preset: target.value })}>
          <option value="">${t('chat.filmNone')}</option>
          ${this.presets.map(({ id, name }) => html`<option value=${id} ?selected=${id === preset}>${name}</option>`)}
        </select>
      </label>
      <div class="film-acts">
        <button class="primary" ?disabled=${!chosen || !scenes.length || Boolean(this.busy)} @click=${() => this.#show(chosen)}>
          ${icon('play')}${t('chat.filmShow')}
        </button>
      </div>
    `;
  }

  /** Put everything onto the preset's form, where it is seen once more before it runs. */
  #show({ workflow_id: id, workflow_version: version, values }) {
    return this.#run('show', async () => {
      const query = version ? `?version=${version}` : '';
      const found = await api.get(`/api/workflows/${encodeURIComponent(id)}${query}`);
      const { picture, scenes } = this.state;
      const inputs = found.form;
      const filled = { ...values };
      const image = inputs.find(({ type }) => type === 'image');
      if (image && picture) filled[image.id] = { asset: picture };
      const list = inputs.find(({ type }) => type === 'scenes');
      const text = inputs.find(({ type }) => type === 'text');
      if (list) filled[list.id] = scenes.map((prompt) => ({ prompt, duration: SECONDS }));
      else if (text) filled[text.id] = scenes.join('\n');
      await recall({ workflow_id: id, version: found.version, values: filled });
    });
  }
}

customElements.define('chat-film', ChatFilm);
