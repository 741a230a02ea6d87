import { Store } from './store.js';

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const SEQUENCE_MS = 1200;
const MODIFIERS = ['Control', 'Alt', 'Shift', 'Meta'];

/**
 * What the keyboard does, everywhere: commands are {id, label, group, keys, run, isHidden} with
 * `label` as a function, so that it is asked when it is shown. `keys` is one stroke ("Mod+K", "?")
 * or two after each other ("g c"); Mod is Command on a Mac and Control elsewhere.
 */
class Shortcuts extends Store {
  constructor() {
    super();
    this.sources = new Set();
    /** Keys that a person chose, by command; empty means none. */
    this.chosen = {};
    this.before = null;
    addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Offer commands for as long as they make sense: a function that answers a list. */
  offer(source) {
    this.sources.add(source);
    this.changed();
    return () => {
      this.sources.delete(source);
      this.changed();
    };
  }

  choose(chosen) {
    this.chosen = chosen;
    this.changed();
  }

  /** Every command there is now, with the keys it has now. */
  get commands() {
    const all = [...this.sources].flatMap((source) => source());
    return all.map((command) => ({
      ...command,
      standard: command.keys ?? '',
      keys: this.chosen[command.id] ?? command.keys ?? '',
    }));
  }

  #onKey(event) {
    if (event.defaultPrevented || event.repeat || event.isComposing) return;
    const stroke = strokeOf(event);
    if (!stroke) return;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPlain && isTyping(event.target)) return;
    // A dialog has the keyboard for itself.
    if (document.querySelector('dialog[open]')) return;
    const sequence = this.before && Date.now() - this.before.at < SEQUENCE_MS ? `${this.before.stroke} ${stroke}` : '';
    const { commands } = this;
    const found =
      commands.find(({ keys }) => keys && keys === sequence) ?? commands.find(({ keys }) => keys === stroke);
    this.before = found ? null : { stroke, at: Date.now() };
    if (!found) return;
    event.preventDefault();
    found.run();
  }
}

/** Where letters are letters. */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
}

/** One stroke as it is written; nothing for a modifier alone. */
export function strokeOf(event) {
  const { key } = event;
  if (!key || MODIFIERS.includes(key) || key === 'Dead' || key === 'Process') return '';
  const isLetter = /^\p{L}$/u.test(key);
  const name = key === ' ' ? 'Space' : key;
  const held = [
    (IS_MAC ? event.metaKey : event.ctrlKey) && 'Mod',
    (IS_MAC ? event.ctrlKey : event.metaKey) && (IS_MAC ? 'Control' : 'Meta'),
    event.altKey && 'Alt',
    // What Shift makes of other keys is a sign of its own.
    event.shiftKey && (isLetter || name.length > 1) && 'Shift',
  ].filter(Boolean);
  const plain = held.length && isLetter ? name.toUpperCase() : isLetter ? name.toLowerCase() : name;
  return [...held, plain].join('+');
}

const SIGNS = IS_MAC
  ? { Mod: '⌘', Alt: '⌥', Shift: '⇧', Control: '⌃' }
  : { Mod: 'Ctrl' };
const ALWAYS = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', Enter: '↵' };

/** Keys as they stand on the keyboard: a list of strokes, each a list of keys. */
export function keyNames(keys) {
  return keys
    .split(' ')
    .filter(Boolean)
    .map((stroke) =>
      (stroke === '+' ? ['+'] : stroke.split(/\+(?=.)/)).map(
        (key) => SIGNS[key] ?? ALWAYS[key] ?? (key.length === 1 ? key.toUpperCase() : key),
      ),
    );
}

export const shortcuts = new Shortcuts();
