import { address, api } from '../core/api.js';
import { t } from '../core/messages.js';
import { Store } from '../core/store.js';
import { saveFile } from '../components/graph_file.js';
import { draft } from './draft.js';
import { notices } from './notices.js';

/** Presets that one may run, and what can be done with them. */
class Presets extends Store {
  constructor() {
    super();
    this.items = null;
  }

  async load() {
    const items = [];
    let page;
    do {
      page = await api.get(address('/api/presets', { limit: 500, start: items.length }));
      items.push(...page.items);
    } while (page.items.length && items.length < page.total);
    this.items = items;
    this.changed();
  }

  #put(preset) {
    const others = (this.items ?? []).filter(({ id }) => id !== preset.id);
    this.items = [preset, ...others];
    draft.presetChanged(preset);
    this.changed();
    return preset;
  }

  async create(fields) {
    return this.#put(await api.post('/api/presets', fields));
  }

  async update(preset, fields) {
    return this.#put(await api.patch(`/api/presets/${preset.id}`, fields));
  }

  async duplicate(preset) {
    const name = t('making.copyOf', { name: preset.name }).slice(0, 100);
    return this.#put(await api.post(`/api/presets/${preset.id}/duplicate`, { name }));
  }

  async remove(preset) {
    await api.remove(`/api/presets/${preset.id}`);
    this.items = (this.items ?? []).filter(({ id }) => id !== preset.id);
    draft.presetChanged(preset, { isGone: true });
    this.changed();
    notices.undoable(t('making.presetDeleted', { name: preset.name }), async () => {
      this.#put(await api.post(`/api/presets/${preset.id}/restore`));
    });
  }

  async exportFile(preset) {
    const file = await api.get(`/api/presets/${preset.id}/export`);
    saveFile(`${file.id ?? preset.id}.studio-preset.json`, JSON.stringify(file, null, 2));
  }

  async importFile(file) {
    let body;
    try {
      body = JSON.parse(await file.text());
    } catch {
      throw Object.assign(new Error(t('making.noPresetFile')), { code: 'invalid_preset' });
    }
    return this.#put(await api.post('/api/presets/import', body));
  }

  async code(preset, language) {
    return (await api.get(address(`/api/presets/${preset.id}/code`, { lang: language }))).code;
  }
}

export const presets = new Presets();
