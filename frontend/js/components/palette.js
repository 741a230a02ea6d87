import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { shortcuts } from '../core/shortcuts.js';
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
    this.flows = [];
    this.watch(shortcuts);
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    try {
      this.flows = (await listed()).items;
      this.requestUpdate();
    } catch {
      // Commands are found all the same.
    }
  }

  get found() {
    const { query } = this;
    const commands = shortcuts.commands.filter(({ id }) => id !== 'palette');
    return query.trim() ? [...matching([...commands, ...places(this.flows)], query), searchFor(query.trim())] : commands;
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

/** What can be gone to by its name, beside the views. */
const places = (flows) =>
  flows.map(({ id, name }) => ({
    id: `workflow.${id}`,
    icon: 'workflows',
    label: () => name,
    run: () => router.go(`workflows/${encodeURIComponent(id)}`),
  }));

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
