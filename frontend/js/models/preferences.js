import { api } from '../core/api.js';
import { language, wanted } from '../core/messages.js';
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

/** Speak another language from now on, or with '' the browser's; the page starts again for that. */
function chooseLanguage(tag) {
  if (tag === kept.get('language', '')) return;
  kept.set('language', tag);
  // Storage that is forbidden would make the page start again for ever.
  if (kept.get('language', '') === tag && wanted() !== language) location.reload();
}

/** What a person prefers, kept by Studio for every browser of theirs. */
class Preferences extends Store {
  constructor() {
    super();
    this.values = DEFAULTS;
    this.sending = Promise.resolve();
    session.addEventListener('change', () => this.#onSession());
    // Somebody may be in already when this is loaded.
    this.#onSession();
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
    const { userId, values: before } = this;
    // The page was left before Studio had said yes: what was chosen is newer than what it has.
    if (kept.get(`preferences.${userId}.unsent`, false)) return this.#send();
    try {
      const values = await api.get('/api/preferences');
      // What was chosen meanwhile is newer.
      if (userId !== this.userId || before !== this.values) return;
      this.#keep(values);
      chooseLanguage(values.language);
    } catch {
      // Those of the last time do, until the next.
    }
  }

  /** Change some of one group, or a whole preference that has no parts: at once, then in Studio. */
  set(name, value) {
    const before = this.values[name];
    const isGroup = typeof DEFAULTS[name] === 'object' && name !== 'shortcuts';
    this.#keep({ ...this.values, [name]: isGroup ? { ...before, ...value } : value });
    kept.set(`preferences.${this.userId}.unsent`, true);
    // One after the other, so that the last one counts.
    this.sending = this.sending.then(async () => {
      if (!(await this.#send())) this.#keep({ ...this.values, [name]: before });
      else if (name === 'language') chooseLanguage(value);
    });
    return this.sending;
  }

  /** Send what is preferred; false when Studio refused it. What could not be sent is sent later. */
  async #send() {
    const { userId, values } = this;
    let isFine = true;
    try {
      // A page that is left in this moment still sends it.
      await api.put('/api/preferences', values, { keepalive: true });
    } catch (error) {
      if (error.code === 'offline') return true;
      notices.fail(error);
      isFine = false;
    }
    if (values === this.values) kept.set(`preferences.${userId}.unsent`, false);
    return isFine;
  }

  #keep(values) {
    this.values = values;
    kept.set(`preferences.${this.userId}`, values);
    theme.choose(values.appearance.theme);
    draft.prefer(values.defaults);
    this.changed();
  }
}

export const preferences = new Preferences();
