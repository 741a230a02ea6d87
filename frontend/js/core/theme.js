import { Store } from './store.js';

const KEY = 'studio.theme';

/** Light or dark: what the system says, until a person chooses. */
class Theme extends Store {
  get isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  }

  toggle() {
    const next = this.isDark ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Forgotten with the page, then.
    }
    this.changed();
  }
}

export const theme = new Theme();
