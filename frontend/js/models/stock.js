import { address, api } from '../core/api.js';
import { kept, Store } from '../core/store.js';
import { downloads } from './downloads.js';
import { session } from './session.js';

const PAGE = 100;
const SETTLE_MS = 200;
/** Not of the files that are here, but of the catalogs. */
export const MISSING = 'missing';
export const STATES = ['', MISSING, 'misplaced', 'damaged', 'favourite'];
const SORTS = { here: ['name', 'size', 'newest', 'used'], [MISSING]: ['name', 'size'] };
const NO_QUERY = { q: '', folder: '', family: '', state: '', sort: 'name' };

export const filePath = (id, rest = '') => `/api/models/${encodeURIComponent(id)}${rest}`;
export const entryPath = (id, rest = '') => `/api/catalog/${encodeURIComponent(id)}${rest}`;

/** The model files that are here, or the entries of the catalogs that are not: as somebody asks for them. */
class Stock extends Store {
  constructor() {
    super();
    this.#clear();
    session.addEventListener('other', () => this.#clear());
    // What came is here now, and missing no more.
    downloads.addEventListener('arrived', () => this.items && this.load());
  }

  #clear() {
    this.query = { ...NO_QUERY, ...kept.get('models', {}) };
    this.items = null;
    this.total = 0;
    this.faults = [];
    this.error = null;
    this.facets = null;
    /** The base models of the entries that are not here. */
    this.entryFamilies = [];
    this.families = null;
    this.folders = null;
    this.isLoading = false;
  }

  get isMissing() {
    return this.query.state === MISSING;
  }

  get sorts() {
    return SORTS[this.isMissing ? MISSING : 'here'];
  }

  get isFiltered() {
    const { q, folder, family, state } = this.query;
    return Boolean(q || folder || family || (state && !this.isMissing));
  }

  /** Ask for something else; what is typed settles before it is asked for. */
  ask(facts) {
    const turned = 'state' in facts && (facts.state === MISSING) !== this.isMissing;
    this.query = { ...this.query, ...facts };
    if (!this.sorts.includes(this.query.sort)) this.query.sort = 'name';
    kept.set('models', this.query);
    if (turned) this.items = null;
    this.isLoading = true;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.load(), 'q' in facts ? SETTLE_MS : 0);
    this.changed();
  }

  /** Those that are here, or those that are not: as the address says. */
  show(isMissing) {
    if (isMissing === this.isMissing) return this.load();
    return this.ask({ state: isMissing ? MISSING : '', folder: '', family: '' });
  }

  reset() {
    this.ask({ q: '', folder: '', family: '', state: this.isMissing ? MISSING : '' });
  }

  /** What is asked for, from its beginning; as much of it as is shown already. */
  async load() {
    const asked = (this.asked = {});
    this.isLoading = true;
    try {
      const shown = Math.min(500, Math.max(PAGE, this.items?.length ?? 0));
      const [found, facets] = await Promise.all([
        this.#page(0, shown),
        api.get('/api/models/facets'),
        this.loadChoices(),
      ]);
      if (asked !== this.asked) return;
      Object.assign(this, { facets, items: found.items, total: found.total, faults: found.faults ?? [], error: null });
      this.entryFamilies = found.families ?? [];
    } catch (error) {
      if (asked !== this.asked) return;
      this.error = error;
    }
    this.isLoading = false;
    this.changed();
  }

  async more() {
    const { asked } = this;
    const found = await this.#page(this.items.length, PAGE);
    if (asked !== this.asked) return;
    const known = new Set(this.items.map(({ id }) => id));
    this.items = [...this.items, ...found.items.filter(({ id }) => !known.has(id))];
    this.total = found.total;
    this.changed();
  }

  #page(start, limit) {
    const path = this.isMissing ? '/api/catalog' : '/api/models';
    return api.get(address(path, { ...this.query, start, limit }));
  }

  /** The base models that there are, and the folders that a model can be put into. */
  async loadChoices() {
    const [families, folders] = await Promise.all([
      this.families ?? api.get('/api/catalog/families').then(({ items }) => items),
      this.folders ?? api.get('/api/models/folders').then(({ items }) => items),
    ]);
    Object.assign(this, { families, folders });
  }

  familyName(id) {
    return this.families?.find((each) => each.id === id)?.name ?? id;
  }

  /** Folders and base models that the list could be narrowed to. */
  get choices() {
    if (this.isMissing) {
      return { folders: this.folders ?? [], families: this.entryFamilies };
    }
    const values = (facet) => (this.facets?.[facet] ?? []).map(({ value }) => value);
    return { folders: values('folder').sort(), families: values('family') };
  }

  async change(id, facts) {
    const file = await api.patch(filePath(id), facts);
    this.#replace(file);
    return file;
  }

  async move(id, folder = null) {
    const file = await api.post(filePath(id, '/move'), folder ? { folder } : {});
    this.#replace(file);
    return file;
  }

  verify(id) {
    return api.post('/api/models/verify', { ids: [id] });
  }

  async remove(id, isForced) {
    await api.remove(filePath(id, isForced ? '?force=1' : ''));
    this.items = this.items?.filter((each) => each.id !== id) ?? null;
    this.changed();
  }

  async scan() {
    const found = await api.post('/api/models/scan');
    await this.load();
    return found;
  }

  install(id) {
    return api.post(entryPath(id, '/install'));
  }

  /** At once here; whether it is still what was asked for, Studio says. */
  #replace(file) {
    if (!this.items) return;
    this.items = this.items.map((each) => (each.id === file.id ? file : each));
    this.changed();
    this.load();
  }
}

export const stock = new Stock();
