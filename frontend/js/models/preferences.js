import { api } from '../core/api.js';
import { chooseLanguage } from '../core/messages.js';
import { Store, kept } from '../core/store.js';
import { theme } from '../core/theme.js';
import { draft } from './draft.js';
import { notices } from './notices.js';
import { session } from './session.js';

const DEFAULTS = {
  defaults: {},
  notifications: { page: true, browser: false },
  sound: { on: false, volume: 0.5 },
  appearance: { theme: 'system' },
  language: '',
  shortcuts: {},
};

/** What a person prefers, kept by Studio for every browser of theirs. */
class Preferences extends Store {
  constructor() {
    super();
    this.values = DEFAULTS;
    this.sending = Promise.resolve();
    session.addEventListener('change', () => this.#onSession());
  }

  #onSession() {
    const id = session.state === 'in' ? session.user.id : null;
    if (id === this.userId) return;
    this.userId = id;
    this.values = id ? { ...DEFAULTS, ...kept.get(`preferences.${id}`, {}) } : DEFAULTS;
    if (id) this.load();
    // What the former one prefers is not for the next.
    else draft.prefer({});
    this.changed();
  }

  async load() {
    const { userId } = this;
    try {
      const values = await api.get('/api/preferences');
      if (userId === this.userId) this.#keep(values);
    } catch {
      // Those of the last time do, until the next.
    }
  }

  /** Change some of one group, or a whole preference that has no parts: at once, then in Studio. */
  set(name, value) {
    const before = this.values[name];
    const isGroup = typeof DEFAULTS[name] === 'object' && name !== 'shortcuts';
    this.#keep({ ...this.values, [name]: isGroup ? { ...before, ...value } : value });
    // One after the other, so that the last one counts.
    this.sending = this.sending.then(async () => {
      const went = await notices.attempt(() => api.put('/api/preferences', this.values));
      if (!went) this.#keep({ ...this.values, [name]: before });
    });
    return this.sending;
  }

  #keep(values) {
    this.values = values;
    kept.set(`preferences.${this.userId}`, values);
    theme.choose(values.appearance.theme);
    chooseLanguage(values.language);
    draft.prefer(draftOf(values.defaults));
    this.changed();
  }
}

/** Defaults for new pictures as the form holds them. */
function draftOf({ checkpoint, negative, width, height, steps, cfg, count }) {
  const own = width || height ? { shape: 'custom', width: width ?? height, height: height ?? width } : {};
  const given = Object.entries({ checkpoint, negative, steps, cfg, count }).filter(([, value]) => value);
  return { ...own, ...Object.fromEntries(given) };
}

export const preferences = new Preferences();
