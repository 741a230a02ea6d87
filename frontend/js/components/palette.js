import { Element, html, nothing } from '../core/element.js';
import { loadMessages, t } from '../core/messages.js';
import { router } from '../core/router.js';
import { shortcuts } from '../core/shortcuts.js';
import { draft } from '../models/draft.js';
import { notices } from '../models/notices.js';
import { presets } from '../models/presets.js';
import { SECTIONS, shownSections } from '../models/sections.js';
import { listed } from '../models/workflows.js';
import { icon } from './icons.js';
import { keysOf } from './shortcut_list.js';

/** Everything that can be done, found by typing a part of its name. */
class CommandPalette extends Element {
  static properties = {
    close: { attribute: false },
    query: { state: true },
    at: { state: true },
  };

  constructor() {
    super();
    this.query = '';
    this.at = 0;
    /** What can be gone to by its name, beside the views. */
    this.places = [];
    this.watch(shortcuts);
  }

  connectedCallback() {
    super.connectedCallback();
    for (const load of [sections, workflows, ownPresets]) this.#add(load);
  }

  async #add(load) {
    try {
      const found = await load();
      this.places = [...this.places, ...found];
      this.requestUpdate();
    } catch {
      // All else is found all the same.
    }
  }

  get found() {
    const { query } = this;
    const commands = shortcuts.commands.filter(({ id }) => id !== 'palette');
    return query.trim() ? [...matching([...commands, ...this.places], query), searchFor(query.trim())] : commands;
  }

  render() {
    const { found } = this;
    const at = Math.min(this.at, found.length - 1);
    return html`
      <input
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-activedescendant=${found.length ? `palette-${at}` : nothing}
        aria-label=${t('keys.find')}
        placeholder=${t('keys.find')}
        autofocus
        .value=${this.query}
        @input=${({ target }) => this.#search(target.value)}
        @keydown=${(event) => this.#onKey(event, found, at)}
      />
      <ul id="palette-list" role="listbox" aria-label=${t('keys.palette')}>
        ${found.map(
          (command, place) => html`
            <li
              id=${`palette-${place}`}
              role="option"
              aria-selected=${place === at ? 'true' : 'false'}
              @pointermove=${() => (this.at = place)}
              @click=${() => this.#run(command)}
            >
              ${icon(command.icon ?? 'more')}<span>${command.label()}</span>${keysOf(command.keys ?? '')}
            </li>
          `,
        )}
      </ul>
      <p class=${found.length ? 'unseen' : 'hint'} role="status">
        ${t('keys.found', { count: found.length })}
      </p>
    `;
  }

  updated() {
    this.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }

  #search(query) {
    this.query = query;
    this.at = 0;
  }

  #onKey(event, found, at) {
    const last = found.length - 1;
    const places = {
      ArrowDown: at === last ? 0 : at + 1,
      ArrowUp: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    if (event.isComposing) return;
    if (event.key === 'Enter' && found[at]) this.#run(found[at]);
    else if (event.key in places && last >= 0) this.at = places[event.key];
    else return;
    event.preventDefault();
  }

  async #run(command) {
    await this.close();
    command.run();
  }
}

async function sections() {
  await loadMessages('settings');
  return shownSections().map((name) => ({
    id: `section.${name}`,
    icon: SECTIONS[name].icon,
    label: () => `${t('shell.views.settings')}: ${t(`settings.sections.${name}`)}`,
    run: () => router.go(`settings/${name}`),
  }));
}

const workflows = async () =>
  (await listed()).items.map(({ id, name }) => ({
    id: `workflow.${id}`,
    icon: 'workflows',
    label: () => name,
    run: () => router.go(`workflows/${encodeURIComponent(id)}`),
  }));

async function ownPresets() {
  await presets.load();
  return presets.items.map((preset) => ({
    id: `preset.${preset.id}`,
    icon: 'presets',
    label: () => preset.name,
    run: () =>
      notices.attempt(async () => {
        router.go('create');
        await draft.choosePreset(preset);
      }),
  }));
}

const searchFor = (text) => ({
  id: 'search.library',
  icon: 'library',
  label: () => t('keys.inLibrary', { text }),
  run: () => router.go(`library/${encodeURIComponent(new URLSearchParams({ q: text }))}`),
});

/** Those whose names have every word that was typed. */
export function matching(list, query) {
  const wanted = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return list.filter((command) => {
    const name = command.label().toLocaleLowerCase();
    return wanted.every((word) => name.includes(word));
  });
}

customElements.define('command-palette', CommandPalette);
