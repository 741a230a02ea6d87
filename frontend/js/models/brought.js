import { parseExact } from '../core/json.js';
import { kept } from '../core/store.js';
import { session } from './session.js';

/** What a browser keeps for a page of Studio is about 5 MB in all. */
const MOST_KEPT = 1_000_000;
const keptName = () => `create.brought.${session.user?.id}`;

/*
 * The graph that somebody brought to the form: it is there again after a reload, as what it lacks may
 * take a while to come. It goes when it is closed, or when something else is put onto the form.
 */

/** @param brought {name, graph} */
export function keepBrought(brought) {
  // As text of its own: large seeds are kept as they were written.
  const text = JSON.stringify(brought);
  if (text.length <= MOST_KEPT) kept.set(keptName(), text);
  else forgetBrought();
}

export const forgetBrought = () => kept.remove(keptName());

/** The latest one that was not closed, or null. */
export function recallBrought() {
  const text = kept.get(keptName(), '');
  return text ? parseExact(text) : null;
}
