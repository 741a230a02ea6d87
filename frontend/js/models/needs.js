import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { downloads, hasEnded } from './downloads.js';
import { session } from './session.js';

/** Where files of models go, in the names of `GET /api/models/disk`: the first that there is. */
const MODEL_DISKS = ['downloads', 'models'];
/** A file of these states has to come before the workflow can run. */
const LACKING = ['missing', 'damaged', 'elsewhere'];

/** The models that one workflow lacks, and how they come. */
export class Needs extends Store {
  constructor() {
    super();
    this.#clear(null);
  }

  #clear(question) {
    this.question = question;
    /** Null until Studio has answered. */
    this.models = null;
    this.failures = [];
    this.error = null;
    this.isSearching = false;
    this.wasSearched = false;
    /** What sources say of files whose size no list knows, by reference. */
    this.told = new Map();
    /** What a hub offered for a file, for answers that were not asked of the hubs. */
    this.found = new Map();
    /** Files that came while somebody looked, until Studio lists them. */
    this.arrived = new Set();
    /** What was refused when it was asked for, by file. */
    this.refused = new Map();
    this.freeBytes = null;
  }

  /** Ask about another workflow: the body of `POST /api/models/missing`. */
  ask(question) {
    this.#clear(question);
    return this.load();
  }

  /** Ask the hubs for what nobody else knows: where files can be had, how large they are. */
  async askHubs() {
    const { question } = this;
    this.isSearching = true;
    this.changed();
    if (this.unknown.length) await this.load({ search: true });
    for (const { file, install } of this.unsized) {
      if (question !== this.question) return;
      try {
        this.told.set(install.reference, await api.post('/api/models/look', { reference: install.reference }));
      } catch (error) {
        this.told.set(install.reference, {});
        this.refused.set(file, error);
      }
      this.changed();
    }
    this.isSearching = false;
    this.changed();
  }

  async load({ search = false } = {}) {
    const { question } = this;
    try {
      const { models, failures } = await api.post('/api/models/missing', { ...question, search });
      if (question !== this.question) return;
      Object.assign(this, { models: models.map((need) => this.#withFound(need, search)), error: null });
      if (search) Object.assign(this, { failures, wasSearched: true });
      for (const { file, state } of models) if (!LACKING.includes(state)) this.arrived.delete(file);
    } catch (error) {
      if (question !== this.question) return;
      this.error = error;
    }
    this.changed();
    if (this.freeBytes === null && this.installable.length) await this.#measure(question);
  }

  #withFound(need, wasSearched) {
    if (wasSearched) this.found.set(need.file, need);
    const { offers, install } = this.found.get(need.file) ?? {};
    if (need.offers.length || !offers?.length || !LACKING.includes(need.state)) return need;
    return { ...need, offers, install };
  }

  async #measure(question) {
    try {
      const { volumes } = await api.get('/api/models/disk');
      if (question !== this.question) return;
      const [role] = MODEL_DISKS.filter((name) => volumes.some(({ roles }) => roles.includes(name)));
      this.freeBytes = volumes.find(({ roles }) => roles.includes(role))?.free_bytes ?? null;
      this.changed();
    } catch {
      // What it would say is a warning; the download itself finds out for certain.
    }
  }

  get lacking() {
    return (this.models ?? []).filter(({ state }) => LACKING.includes(state));
  }

  /** Files of the name that have other bytes than somebody says: they run, and may disappoint. */
  get different() {
    return (this.models ?? []).filter(({ state }) => state === 'different');
  }

  /** What can be asked for now and is not on its way. */
  get installable() {
    return this.lacking.filter((need) => need.install && !this.downloadOf(need) && !this.arrived.has(need.file));
  }

  /** What can be asked for, and nobody has said how large it is. */
  get unsized() {
    return this.installable.filter((need) => this.sizeOf(need) === null && !this.told.has(need.install.reference));
  }

  sizeOf(need) {
    const said = this.told.get(need.install?.reference);
    return need.install?.size_bytes ?? factOf(need, 'size_bytes') ?? said?.size_bytes ?? said?.about_bytes ?? null;
  }

  licenceOf(need) {
    return factOf(need, 'license') ?? this.told.get(need.install?.reference)?.license ?? null;
  }

  /** What no list, catalog or hash names: a hub may know the name. */
  get unknown() {
    return this.lacking.filter((need) => ['missing', 'damaged'].includes(need.state) && !need.offers.length);
  }

  /** The download of a file, while there is something to be said of it. */
  downloadOf({ file, folder, sha256, install }) {
    const found = downloads.of({ folder: install?.folder ?? folder, name: file, sha256 });
    return found && (!hasEnded(found) || found.state === 'failed') ? found : null;
  }

  /** Fetch one: as `install` says, or from the offer that somebody chose. */
  async install(need, offer = null) {
    const wish = offer ? wishFor(need, offer) : need.install;
    // What is there is half a file; only the owner may say that it is no loss.
    const replace = need.state === 'damaged' && session.isOwner;
    this.refused.delete(need.file);
    try {
      await downloads.add(replace ? { ...wish, replace } : wish);
    } catch (error) {
      this.refused.set(need.file, error);
    }
    this.changed();
  }

  /** All that can be had without a choice, one after the other in their order. */
  async installAll() {
    for (const need of this.installable) await this.install(need);
  }

  /** Bring a file that lies in another folder under its own name to where it is looked for. */
  async move({ found, folder }) {
    await api.post(`/api/models/${encodeURIComponent(found.id)}/move`, { folder });
    await this.load();
  }

  /** A download has ended well: it is listed in a moment. */
  note({ folder, name }) {
    const need = this.lacking.find((each) => each.file === name && (each.install?.folder ?? each.folder ?? folder) === folder);
    if (need) this.arrived.add(need.file);
    return Boolean(need);
  }
}

/** The offer that `install` is made of, else the likeliest. */
export function offerOf({ install, offers }) {
  return offers.find(({ reference }) => reference === install?.reference) ?? offers[0] ?? null;
}

/** What the likeliest offer says of a file; where it is silent, what the catalog says of the same. */
function factOf(need, fact) {
  const listed = need.disagree ? null : need.offers.find(({ source }) => source === 'catalog');
  return offerOf(need)?.[fact] ?? listed?.[fact] ?? null;
}

/** Whether there is a place for an offer: the folder is known. */
export const canTake = (need, offer) => Boolean(need.folder ?? offer.folder);

function wishFor(need, { reference, folder, sha256, size_bytes: size }) {
  const wish = { reference, folder: need.folder ?? folder, name: need.file, sha256, size_bytes: size };
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== null && value !== undefined));
}

/** Whether a file that is there could just be moved: only its folder is another one. */
export const canMove = ({ state, found, file, folder }) =>
  state === 'elsewhere' && found?.name === file && Boolean(folder) && found.folder !== folder;
