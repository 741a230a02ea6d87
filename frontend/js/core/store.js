/** State that tells who watches when it changed. */
export class Store extends EventTarget {
  changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** What a person left behind in this browser; storage may be forbidden, and then nothing is kept. */
export const kept = {
  get(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`studio.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`studio.${name}`, JSON.stringify(value));
    } catch {
      // Full or forbidden: the page works without.
    }
  },
  remove(name) {
    try {
      localStorage.removeItem(`studio.${name}`);
    } catch {
      // As above.
    }
  },
};
