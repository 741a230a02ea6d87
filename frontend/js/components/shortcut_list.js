import { Element, html, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { keyNames, shortcuts, strokeOf } from '../core/shortcuts.js';
import { preferences } from '../models/preferences.js';
import { icon } from './icons.js';

const SEQUENCE_MS = 900;
/** What a field, a row or a picture does with keys of its own: [what, keys]. */
const FIXED = [
  ['create', 'Mod+Enter'],
  ['earlier', 'Alt+ArrowUp'],
  ['later', 'Alt+ArrowDown'],
  ['open', 'Enter'],
  ['choose', 'Space'],
  ['favour', 'f'],
  ['rate', '1'],
  ['trash', 'Delete'],
];

/** Keys as they are drawn. */
export function keysOf(keys) {
  if (!keys) return nothing;
  return html`<span class="keys">
    ${keyNames(keys).map((stroke) => stroke.map((key) => html`<kbd>${key}</kbd>`))}
  </span>`;
}

/** All that the keyboard can do; each may have other keys, or none. */
class ShortcutList extends Element {
  static properties = {
    heading: { type: Boolean },
    close: { attribute: false },
    query: { state: true },
    recording: { state: true },
    strokes: { state: true },
  };

  constructor() {
    super();
    this.query = '';
    this.recording = '';
    this.strokes = [];
    this.watch(shortcuts);
    this.onKey = (event) => this.#record(event);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#stop();
  }

  render() {
    const words = this.query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const all = shortcuts.commands;
    const has = (label, keys) => {
      const text = `${label} ${keyNames(keys).flat().join(' ')}`.toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    };
    const isFound = (command) => has(command.label(), command.keys);
    const fixed = FIXED.map(([name, keys]) => [t(`keys.fixed.${name}`), keys]).filter((each) => has(...each));
    return html`
      ${this.heading
        ? html`<header class="view-head">
            <h2>${t('keys.title')}</h2>
            <button class="bare" aria-label=${t('shell.close')} @click=${() => this.close()}>${icon('close')}</button>
          </header>`
        : nothing}
      <label class="search">
        ${icon('search')}
        <input
          type="search"
          ?autofocus=${this.heading}
          aria-label=${t('keys.find')}
          placeholder=${t('keys.find')}
          .value=${this.query}
          @input=${({ target }) => (this.query = target.value)}
        />
      </label>
      <ul class="rows shortcut-rows">
        ${repeat(
          all.filter(isFound),
          ({ id }) => id,
          (command) => html`<li class="row">${this.#row(command, all)}</li>`,
        )}
        ${fixed.map(([label, keys]) => html`<li class="row"><span class="row-words">${label}</span>${keysOf(keys)}</li>`)}
      </ul>
      <p class="hint">${t('keys.help')}</p>
    `;
  }

  #row(command, all) {
    const isRecording = this.recording === command.id;
    const rival = command.keys && all.find(({ id, keys }) => id !== command.id && keys === command.keys);
    const name = command.label();
    return html`
      <div class="row-words">
        <span>${name}</span>
        ${rival ? html`<small class="is-clash">${t('keys.clash', { name: rival.label() })}</small>` : nothing}
      </div>
      ${isRecording
        ? html`<span class="hint" role="status">
            ${this.strokes.length ? keysOf(this.strokes.join(' ')) : t('keys.press')}
          </span>`
        : keysOf(command.keys)}
      ${command.keys === command.standard
        ? nothing
        : html`<button
            class="bare"
            aria-label=${t('keys.resetOf', { name })}
            title=${t('keys.resetOf', { name })}
            @click=${() => this.#choose(command.id, null)}
          >
            ${icon('again')}
          </button>`}
      <button
        class="bare"
        aria-label=${t('keys.changeOf', { name })}
        @click=${() => (isRecording ? this.#stop() : this.#start(command.id))}
      >
        ${isRecording ? t('shell.cancel') : t('keys.change')}
      </button>
    `;
  }

  #start(id) {
    this.#stop();
    this.recording = id;
    addEventListener('keydown', this.onKey, true);
  }

  #stop() {
    clearTimeout(this.settling);
    removeEventListener('keydown', this.onKey, true);
    this.recording = '';
    this.strokes = [];
  }

  #record(event) {
    // Tab leaves, as everywhere: what was begun is given up.
    if (event.key === 'Tab') {
      this.#stop();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key === 'Escape') this.#stop();
    else if (event.key === 'Backspace' || event.key === 'Delete') this.#choose(this.recording, '');
    else {
      const stroke = strokeOf(event);
      if (!stroke || event.repeat) return;
      clearTimeout(this.settling);
      this.strokes = [...this.strokes, stroke].slice(-2);
      const done = () => this.#choose(this.recording, this.strokes.join(' '));
      if (this.strokes.length === 2) done();
      else this.settling = setTimeout(done, SEQUENCE_MS);
    }
  }

  /** Keys for a command; null for those it comes with. */
  #choose(id, keys) {
    this.#stop();
    const chosen = { ...preferences.values.shortcuts };
    const { standard } = shortcuts.commands.find((command) => command.id === id);
    if (keys === null || keys === standard) delete chosen[id];
    else chosen[id] = keys;
    preferences.set('shortcuts', chosen);
  }
}

customElements.define('shortcut-list', ShortcutList);
