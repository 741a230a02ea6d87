import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { language, LANGUAGES, t } from '../core/messages.js';
import { router } from '../core/router.js';
import { assist } from '../models/assist.js';
import { chats } from '../models/chats.js';
import { films } from '../models/films.js';
import { thumbnailUrl } from '../models/job.js';
import { notices } from '../models/notices.js';
import { recall } from '../models/recall.js';
import { upload } from '../models/uploads.js';
import { noModel } from './chat_states.js';
import { icon } from './icons.js';
import { pickPictures } from './picking.js';

const SECONDS = 5;
const MOST_SCENES = 20;
const NAMED = 48;

/**
 * From a picture to a film in steps that can be seen and changed: picture, description, scenes, and
 * the form of what makes videos. Studio keeps each step, so it is there on every page.
 */
class ChatFilm extends Element {
  static properties = { wanted: {}, busy: { state: true } };

  constructor() {
    super();
    this.busy = '';
    this.aborting = new AbortController();
    this.watch(films, chats);
  }

  connectedCallback() {
    super.connectedCallback();
    this.unlisten = films.listen();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.aborting.abort();
    this.unlisten();
    notices.attempt(() => films.flush());
  }

  willUpdate(changed) {
    const isOpen = films.makers && this.wanted && this.wanted === films.film.id;
    if (changed.has('wanted') && !isOpen) notices.attempt(() => films.open(this.wanted));
  }

  updated() {
    // A new one has an address as soon as it is kept, so that a reload finds it.
    if (router.detail === 'new' && films.film.id) router.replace(`chat/film/${films.film.id}`);
  }

  async #run(name, work) {
    if (this.busy) return;
    this.busy = name;
    await notices.attempt(work);
    this.busy = '';
  }

  /** Take up what was written; what stood there comes back with one press. */
  #rewrite(changes) {
    const { film } = films;
    const before = Object.fromEntries(Object.keys(changes).map((name) => [name, film[name]]));
    films.set(changes);
    if (Object.values(before).some((value) => value?.length)) {
      notices.undoable(t('chat.filmWritten'), () => films.film.id === film.id && films.set(before));
    }
  }

  render() {
    if (!films.makers) return nothing;
    const { film, list } = films;
    return html`
      <header class="view-head chat-head">
        <a class="round" href="#/chat" aria-label=${t('chat.back')}>${icon('left')}</a>
        <h1>${t('chat.film')}</h1>
        <menu-button
          label=${t('chat.films')}
          .items=${[
            { label: t('chat.filmAnew'), icon: 'plus', href: '#/chat/film/new' },
            ...list
              .filter(({ id }) => id !== film.id)
              .map((each) => ({ label: nameOf(each), icon: 'play', href: `#/chat/film/${each.id}` })),
            film.id && { label: t('chat.filmDelete'), icon: 'remove', run: () => this.#remove() },
          ]}
        ></menu-button>
      </header>
      <p class="hint">${t('chat.filmHelp')}</p>
      ${chats.models && !chats.models.length ? noModel() : nothing}
      <p class="unseen" role="status" aria-live="polite">${this.busy ? t('chat.help.busy') : ''}</p>
      <ol class="film-steps">
        <li>${this.#picture()}</li>
        <li>${this.#description()}</li>
        <li>${this.#scenes()}</li>
        <li>${this.#maker()}</li>
      </ol>
    `;
  }

  async #remove() {
    await notices.attempt(async () => {
      const fields = await films.remove();
      router.replace('chat/film');
      notices.undoable(t('chat.filmDeleted'), async () => {
        router.replace(`chat/film/${await films.begin(fields)}`);
      });
    });
  }

  // -- the steps ---------------------------------------------------------------------------------

  #picture() {
    const { picture } = films.film;
    const take = ({ target }) =>
      this.#run('picture', async () => {
        const [file] = target.files;
        target.value = '';
        if (!file) return;
        const asset = await upload(file, { onHash: () => {}, onSend: () => {} }, this.aborting.signal);
        films.set({ picture: asset.id });
      });
    const pick = async () => {
      const [asset] = await pickPictures(false);
      if (asset) films.set({ picture: asset });
    };
    return html`
      <h2>${t('chat.filmPicture')}</h2>
      ${picture
        ? html`<div class="chat-files">
            <span class="film-picture">
              <img src="${thumbnailUrl({ id: picture })}?size=large" alt=${t('chat.picture')} />
              <button type="button" class="round" aria-label=${t('chat.takeAway')} @click=${() => films.set({ picture: null })}>
                ${icon('close')}
              </button>
            </span>
          </div>`
        : nothing}
      <div class="film-acts">
        <label class="button">
          ${icon('upload')}${t('chat.filmChoose')}
          <input class="unseen" type="file" accept="image/png,image/jpeg,image/webp" ?disabled=${Boolean(this.busy)} @change=${take} />
        </label>
        <button type="button" @click=${() => notices.attempt(pick)}>${icon('library')}${t('chat.fromLibrary')}</button>
      </div>
    `;
  }

  #description() {
    const { picture, description } = films.film;
    const sees = chats.models?.some(({ vision }) => vision);
    const ask = (task) =>
      this.#run(task, async () => {
        const files = task === 'describe' ? [picture] : [];
        const text = task === 'describe' ? '' : description;
        const into = { language: LANGUAGES[language] };
        this.#rewrite({ description: (await assist({ task, text, files, ...into })).text });
      });
    return html`
      <h2>${t('chat.filmDescription')}</h2>
      <textarea
        rows="5"
        maxlength="8000"
        aria-label=${t('chat.filmDescription')}
        .value=${description}
        @input=${({ target }) => films.set({ description: target.value })}
      ></textarea>
      <div class="film-acts">
        <button ?disabled=${!picture || !sees || Boolean(this.busy)} @click=${() => ask('describe')}>
          ${icon('create')}${t('chat.filmDescribe')}
        </button>
        ${['improve', 'expand', 'translate'].map(
          (task) => html`<button ?disabled=${!this.#mayAsk} @click=${() => ask(task)}>${t(`chat.help.${task}`)}</button>`,
        )}
      </div>
      ${chats.models?.length && !sees ? html`<p class="hint">${t('chat.help.sightless')}</p>` : nothing}
      ${['describe', 'improve', 'expand', 'translate'].includes(this.busy) ? busyNote() : nothing}
    `;
  }

  get #mayAsk() {
    return Boolean(chats.models?.length && films.film.description.trim() && !this.busy);
  }

  #scenes() {
    const { description, count, scenes } = films.film;
    const write = () =>
      this.#run('scenes', async () => {
        const written = (await assist({ task: 'scenes', text: description, count })).scenes;
        this.#rewrite({ scenes: written.map((text, at) => ({ text, seconds: scenes[at]?.seconds ?? SECONDS })) });
      });
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
            @input=${({ target }) => target.checkValidity() && films.set({ count: target.valueAsNumber || 1 })}
            @change=${({ target }) => target.reportValidity()}
          />
        </label>
        <button ?disabled=${!this.#mayAsk} @click=${write}>${icon('create')}${t('chat.filmWrite')}</button>
        ${scenes.length < MOST_SCENES
          ? html`<button @click=${() => films.set({ scenes: [...scenes, { text: '', seconds: SECONDS }] })}>
              ${icon('plus')}${t('chat.filmAdd')}
            </button>`
          : nothing}
      </div>
      ${this.busy === 'scenes' ? busyNote() : nothing} ${scenes.map((scene, at) => this.#scene(scene, at))}
    `;
  }

  #scene(scene, at) {
    const { scenes } = films.film;
    const number = at + 1;
    const change = (changes) => films.set({ scenes: scenes.with(at, { ...scene, ...changes }) });
    return html`
      <div class="film-scene">
        <textarea
          rows="2"
          maxlength="8000"
          aria-label=${t('chat.filmScene', { number })}
          .value=${scene.text}
          @input=${({ target }) => change({ text: target.value })}
        ></textarea>
        <label class="film-count">
          <input
            type="number"
            min="0.1"
            max="600"
            step="any"
            aria-label=${t('chat.filmSecondsOf', { number })}
            .value=${String(scene.seconds)}
            @input=${({ target }) => target.checkValidity() && change({ seconds: target.valueAsNumber || SECONDS })}
            @change=${({ target }) => target.reportValidity()}
          />
          <span aria-hidden="true">${t('chat.filmSeconds')}</span>
        </label>
        <button
          type="button"
          class="bare"
          aria-label=${t('chat.filmTakeAway', { number })}
          @click=${() => this.#rewrite({ scenes: scenes.toSpliced(at, 1) })}
        >
          ${icon('close')}
        </button>
      </div>
    `;
  }

  #maker() {
    const { scenes, preset_id: preset, workflow_id: workflow } = films.film;
    const { makers } = films;
    const chosen = makers.find(({ kind, id }) => id === (kind === 'preset' ? preset : !preset && workflow));
    const choose = ({ target }) => {
      const maker = makers[target.value];
      films.set({ preset_id: maker?.kind === 'preset' ? maker.id : null, workflow_id: maker?.workflow_id ?? null });
    };
    const group = (kind, label) => {
      const own = makers.filter((maker) => maker.kind === kind);
      if (!own.length) return nothing;
      return html`<optgroup label=${label}>
        ${own.map(
          (maker) => html`<option value=${makers.indexOf(maker)} .selected=${maker === chosen}>${maker.name}</option>`,
        )}
      </optgroup>`;
    };
    const lacks = !makers.some(({ kind }) => kind === 'preset');
    return html`
      <h2>${t('chat.filmPreset')}</h2>
      ${lacks ? html`<p class="hint">${t('chat.filmNoPreset')} <a class="link" href="#/workflows">${t('shell.views.workflows')}</a></p>` : nothing}
      ${makers.length
        ? html`<label class="field">
            <span>${t('chat.filmPresetHelp')}</span>
            <select @change=${choose}>
              <option value="" .selected=${!chosen}>${t('chat.filmNone')}</option>
              ${group('preset', t('chat.filmPresets'))} ${group('workflow', t('chat.filmWorkflows'))}
            </select>
          </label>`
        : nothing}
      <div class="film-acts">
        <button class="primary" ?disabled=${!chosen || !scenes.length || Boolean(this.busy)} @click=${() => this.#show(chosen)}>
          ${icon('play')}${t('chat.filmShow')}
        </button>
      </div>
    `;
  }

  /** Put everything onto the form, where it is seen once more before it runs. */
  #show({ workflow_id: id, version, values }) {
    return this.#run('show', async () => {
      await films.flush();
      const query = version ? `?version=${version}` : '';
      const found = await api.get(`/api/workflows/${encodeURIComponent(id)}${query}`);
      const { picture, scenes } = films.film;
      const inputs = found.form;
      const filled = { ...values };
      const image = inputs.find(({ type }) => type === 'image');
      if (image && picture) filled[image.id] = image.multiple ? [{ asset: picture }] : { asset: picture };
      const list = inputs.find(({ type }) => type === 'scenes');
      const text = inputs.find(({ type }) => type === 'text');
      if (list) filled[list.id] = scenes.map(({ text: prompt, seconds }) => ({ prompt, duration: seconds }));
      else if (text) filled[text.id] = scenes.map((scene) => scene.text).join('\n');
      await recall({ workflow_id: id, version: found.version, values: filled });
    });
  }
}

customElements.define('chat-film', ChatFilm);

const nameOf = ({ description, scenes }) => {
  const text = (description || scenes[0]?.text || '').trim().split('\n')[0];
  if (!text) return t('chat.untitled');
  return text.length > NAMED ? `${text.slice(0, NAMED)}…` : text;
};

const busyNote = () => html`<p class="hint" aria-hidden="true">${t('chat.help.busy')}</p>`;
