import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { icon } from './icons.js';
import './engine_flags.js';
import './engine_log.js';

const READY = 'ready';
const STARTING = 'starting';
const STOPPED = 'stopped';

/** One engine: how it is, what it holds, and what can be done with it. */
class EngineCard extends Element {
  static properties = { engine: { attribute: false }, opened: { state: true } };

  constructor() {
    super();
    this.opened = '';
  }

  render() {
    const { engine } = this;
    const { name, kind, state, reason, version } = engine;
    const components = Object.entries(engine.components ?? {}).filter(([, value]) => value);
    return html`
      <section class="card engine">
        <header class="view-head">
          <h2>${name}</h2>
          <span class="state ${lookOf(engine)}" role="status">${t(`system.state.${state}`)}</span>
        </header>
        <p class="hint">
          ${[t(`system.kinds.${kind}`), version, ...components.map((pair) => pair.join(' '))].filter(Boolean).join(' · ')}
        </p>
        ${reason && reason !== state ? html`<p class=${isCalm(engine) ? 'hint' : 'error-text'}>${reason}</p>` : nothing}
        ${lastLine(engine)}
        <p>
          ${t('system.jobs', { count: engine.jobs })}${engine.foreign_jobs
            ? `, ${t('system.foreign', { count: engine.foreign_jobs })}`
            : ''}${engine.crashes ? `, ${t('system.crashes', { count: engine.crashes })}` : ''}
        </p>
        ${engine.loaded_models?.length
          ? html`<div>
              <h3>${t('system.models')}</h3>
              <ul class="chips">
                ${engine.loaded_models.map((model) => html`<li>${model}</li>`)}
              </ul>
            </div>`
          : nothing}
        <div class="inline-buttons">
          ${kind === 'remote'
            ? nothing
            : state === STOPPED
              ? this.#action('start', 'play', 'system.starting')
              : html`${this.#action('restart', 'again', 'system.restarting')}
                ${this.#action('stop', 'pause', 'system.stopped')}`}
          ${state === READY ? this.#action('free', 'remove', 'system.freed') : nothing}
          ${engine.jobs || engine.foreign_jobs ? this.#action('interrupt', 'close', 'system.interrupted') : nothing}
          ${this.#toggle('log', 'queue')} ${kind === 'comfyui' ? this.#toggle('flags', 'settings') : nothing}
        </div>
        ${this.opened === 'log' ? html`<engine-log .name=${name}></engine-log>` : nothing}
        ${this.opened === 'flags' ? html`<engine-flags .name=${name}></engine-flags>` : nothing}
      </section>
    `;
  }

  #action(name, symbol, done) {
    const run = () =>
      notices.attempt(async () => {
        await api.post(`/api/system/engines/${encodeURIComponent(this.engine.name)}/${name}`);
        notices.say(t(done, { name: this.engine.name }));
      });
    return html`<button title=${t(`system.help.${name}`)} @click=${run}>${icon(symbol)}${t(`system.do.${name}`)}</button>`;
  }

  #toggle(name, symbol) {
    const isOpen = this.opened === name;
    return html`<button
      aria-expanded=${isOpen ? 'true' : 'false'}
      @click=${() => (this.opened = isOpen ? '' : name)}
    >
      ${icon(symbol)}${t(`system.do.${name}`)}
    </button>`;
  }
}

/** It starts, or was stopped on purpose: nobody has to do anything about it. */
const isCalm = ({ state, crashes }) => state === STARTING || (state === STOPPED && !crashes);
const lookOf = (engine) => (engine.state === READY ? 'is-good' : isCalm(engine) ? 'is-calm' : 'is-bad');

/** What one that is not ready yet wrote last: loading its nodes can take minutes. */
function lastLine({ state, log_tail: lines }) {
  if (state !== STARTING || !lines?.length) return nothing;
  return html`<p class="hint last-line">${lines.at(-1)}</p>`;
}

customElements.define('engine-card', EngineCard);
