import { Store } from './store.js';

const KEY = 'studio.theme';

/** Light or dark: what the system says, until a person chooses. */
class Theme extends Store {
  get isDark() {
    const { theme: chosen } = document.documentElement.dataset;
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  }

  /** `light`, `dark`, or `system` for what that says. */
  choose(name) {
    const root = document.documentElement;
    if ((root.dataset.theme ?? 'system') === name) return;
    try {
      if (name === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, name);
    } catch {
      // Forgotten with the page, then.
    }
    if (name === 'system') delete root.dataset.theme;
    else root.dataset.theme = name;
    this.changed();
  }
}

export const theme = new Theme();
