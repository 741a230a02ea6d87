import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { agoText, sizeText } from '../../core/format.js';
import { keepLooking } from '../../core/looking.js';
import { t } from '../../core/messages.js';
import { mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { icon } from '../icons.js';
import './language_catalog.js';

const ADDRESS = '/api/language/models';
const LOOK_MS = 2000;
const LOG_LINES = 100;
const TONES = { running: 'is-good', starting: 'is-calm', failed: 'is-bad' };
const OWN = '*';
const NUMBERS = [
  ['context', 0, 4194304],
  ['gpu_layers', -1, 1000],
  ['threads', 0, 1024],
  ['keep_minutes', 0, 10080],
];

/** The language models on this machine: what each needs, whether it runs, and how it is to run. */
class LanguageModels extends Element {
  constructor() {
    super();
    this.told = null;
    this.logs = {};
    keepLooking(this, LOOK_MS, () => this.#look());
  }

  async #look() {
    try {
      this.told = await api.get(ADDRESS);
      this.requestUpdate();
    } catch {
      // The page says itself that Studio is away, and this is asked for again.
    }
  }

  #change = (method, model, more, body) =>
    notices.attempt(async () => {
      await api[method](`${address(model)}${more}`, body);
      await this.#look();
    });

  async #showLog(model) {
    await notices.attempt(async () => {
      const { lines } = await api.get(`${address(model)}/log?tail=${LOG_LINES}`);
      this.logs[model.id] = lines.join('\n');
      this.requestUpdate();
    });
  }

  render() {
    if (!this.told) return html`<p role="status">${t('shell.loading')}</p>`;
    const { models, gpu, handed, can_run: canRun } = this.told;
    return html`
      <section class="card">
        <h2>${t('language.title')}</h2>
        <p class="hint">${t('language.help')}</p>
        ${canRun ? nothing : html`<p class="error-text">${t('language.cannotRun')}</p>`}
        ${gpu ? html`<p>${t('language.gpu', { used: sizeText(gpu.used_bytes), total: sizeText(gpu.total_bytes) })}</p>` : nothing}
        ${models.length
          ? html`<ul class="rows">${models.map((model) => this.#model(model))}</ul>`
          : html`<p>${t('language.none')}</p>`}
        ${handed.length
          ? html`<details>
              <summary>${t('language.handed')}</summary>
              <ul>${handed.map((each) => html`<li>${handedText(each)}</li>`)}</ul>
            </details>`
          : nothing}
      </section>
      <language-catalog></language-catalog>
    `;
  }

  #model(model) {
    const { server } = model;
    const facts = [
      model.architecture,
      sizeText(model.size_bytes),
      t('language.remembers', { count: model.context }),
      model.vision && t('language.vision'),
      model.embeddings && t('language.embeddings'),
      this.told.gpu
        ? t('language.needsGpu', { size: sizeText(model.gpu_bytes) })
        : t('language.needs', { size: sizeText(model.memory_bytes) }),
      server.memory_bytes && t('language.has', { size: sizeText(server.memory_bytes) }),
      server.gpu_bytes && t('language.hasGpu', { size: sizeText(server.gpu_bytes) }),
      server.busy && t('language.busy', { count: server.busy }),
    ].filter(Boolean);
    return html`<li class="row">
      <div class="row-words">
        <p class="row-title">
          ${model.id} <span class="state ${TONES[server.state] ?? 'is-calm'}">${t(`language.state.${server.state}`)}</span>
        </p>
        <p class="hint">${facts.join(' · ')}</p>
        ${server.reason ? html`<p class=${server.state === 'failed' ? 'error-text' : 'hint'}>${server.reason}</p>` : nothing}
        ${model.trust === 'unknown'
          ? html`<p class="error-text">${t('language.unknown')} ${model.fault}</p>`
          : nothing}
        ${mayFetch() ? this.#buttons(model) : nothing} ${mayFetch() ? this.#settings(model) : nothing}
        ${this.logs[model.id] === undefined ? nothing : html`<pre class="log" tabindex="0">${this.logs[model.id]}</pre>`}
      </div>
    </li>`;
  }

  #buttons(model) {
    const { state } = model.server;
    const button = (isShown, word, symbol, run) =>
      isShown
        ? html`<button aria-label=${t('language.doTo', { what: t(`language.do.${word}`), name: model.id })} @click=${run}>
            ${icon(symbol)}${t(`language.do.${word}`)}
          </button>`
        : nothing;
    const isStopped = state === 'stopped' || state === 'failed';
    const isKnown = model.trust !== 'unknown';
    return html`<div class="inline-buttons">
      ${button(isKnown && isStopped, 'start', 'play', () => this.#change('post', model, '/start'))}
      ${button(state !== 'stopped', 'stop', 'close', () => this.#change('post', model, '/stop'))}
      ${button(!isKnown && session.can('admin'), 'confirm', 'check', () => this.#change('post', model, '/confirm'))}
      ${button(state !== 'stopped' && session.can('admin'), 'log', 'file', () => this.#showLog(model))}
    </div>`;
  }

  #settings(model) {
    const said = model.settings;
    const send = (event) => {
      event.preventDefault();
      const given = new FormData(event.target);
      const body = Object.fromEntries(NUMBERS.map(([name]) => [name, Number(given.get(name))]));
      const checks = { pinned: given.has('pinned'), embeddings: given.has('embeddings') };
      const words = { chat_format: given.get('chat_format') };
      if (given.has('projector')) words.projector = given.get('projector') === OWN ? null : given.get('projector');
      this.#change('patch', model, '', { ...body, ...checks, ...words });
    };
    const projectors = [
      [OWN, t('language.projector.own')],
      ['', t('language.projector.none')],
      ...model.projectors.map((name) => [name, name]),
    ];
    const formats = this.told.chat_formats.map((name) => [name, name || t('language.chat_format.own')]);
    return html`<details>
      <summary>${t('language.settings')}</summary>
      <form @submit=${send}>
        ${NUMBERS.map(
          ([name, least, most]) => html`<label class="field">
            <span>${t(`language.${name}`)}</span>
            <input name=${name} type="number" required min=${least} max=${most} value=${said[name]} />
          </label>`,
        )}
        ${model.projectors.length ? choice('projector', projectors, said.projector ?? OWN) : nothing}
        ${choice('chat_format', formats, said.chat_format)}
        <label class="check"><input name="pinned" type="checkbox" ?checked=${said.pinned} /> ${t('language.pinned')}</label>
        <label class="check"><input name="embeddings" type="checkbox" ?checked=${said.embeddings} /> ${t('language.vectors')}</label>
        <button>${t('language.save')}</button>
      </form>
    </details>`;
  }
}

const choice = (name, choices, chosen) => html`<label class="field">
  <span>${t(`language.${name}`)}</span>
  <select name=${name}>
    ${choices.map(([value, words]) => html`<option value=${value} ?selected=${value === chosen}>${words}</option>`)}
  </select>
</label>`;

const address = ({ id }) => `${ADDRESS}/${id.split('/').map(encodeURIComponent).join('/')}`;

function handedText({ at, to, gave, before_bytes: before, after_bytes: after }) {
  const words = { when: agoText(at), before: sizeText(before), after: sizeText(after) };
  return t(to === 'language' ? `language.handed.${gave === 'language' ? 'among' : 'toModel'}` : 'language.handed.toEngine', words);
}

customElements.define('language-models', LanguageModels);
