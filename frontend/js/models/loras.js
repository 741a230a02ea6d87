import { address, api } from '../core/api.js';
import { Store } from '../core/store.js';
import { draft } from './draft.js';
import { session } from './session.js';

const NOTHING = { family_name: null, items: new Map() };

/** What is known of the LoRAs that are there, for what the form has chosen. */
class Loras extends Store {
  constructor() {
    super();
    this.#clear();
    session.addEventListener('other', () => this.#clear());
  }

  #clear() {
    this.question = null;
    this.known = NOTHING;
    /** Addresses of small pictures, by file; null where nobody has made one with it. */
    this.pictures = new Map();
  }

  /** Ask again when the form has chosen something else; files come and go, so `isFresh` asks anyway. */
  async look({ isFresh = false } = {}) {
    const field = draft.fields.find(({ type }) => type === 'checkpoint');
    const checkpoint = field ? draft.value(field) : '';
    const question = address('/api/loras', { checkpoint, base_model: draft.workflow?.base_model });
    if (question === this.question && !isFresh) return;
    this.question = question;
    try {
      const { family_name, items } = await api.get(question);
      if (question !== this.question) return;
      this.known = { family_name, items: new Map(items.map((each) => [each.file, each])) };
    } catch {
      // Names alone are enough to choose one; the next look asks again.
      if (question !== this.question) return;
      this.question = null;
      this.known = NOTHING;
    }
    this.changed();
  }

  of(file) {
    return this.known.items.get(file) ?? null;
  }

  /** The best picture that was made here with it, as an example. */
  async findPicture(file) {
    if (this.pictures.has(file)) return;
    this.pictures.set(file, null);
    try {
      const query = { lora: file, sort: 'rating', kind: 'image', limit: 1 };
      const { items } = await api.get(address('/api/library', query));
      this.pictures.set(file, items[0]?.thumbnail ?? null);
      if (items.length) this.changed();
    } catch {
      // It is an ornament.
    }
  }
}

export const loras = new Loras();

/** Without its folders' separators and its format: as a person would call it. */
export const shortName = (file) => file.replace(/\.\w+$/, '');

/** Words of the prompt: whether they are in it, and the prompt with or without them. */
export const hasWords = (text, words) => text.toLowerCase().includes(words.toLowerCase());

export const withWords = (text, words) => (text.trim() ? `${text.replace(/[\s,]+$/, '')}, ${words}` : words);

export function withoutWords(text, words) {
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  if (at < 0) return text;
  const before = text.slice(0, at).replace(/,\s*$/, '');
  const after = text.slice(at + words.length);
  return before ? before + after : after.replace(/^\s*,\s*/, '');
}
