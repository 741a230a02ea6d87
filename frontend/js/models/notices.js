import { Store } from '../core/store.js';
import { explain, t } from '../core/messages.js';

const SHOWN_MS = 5000;
/** What was said so lately is about the view that comes, not the one that goes. */
const FRESH_MS = 1000;

/** Short words at the edge of the page. */
class Notices extends Store {
  constructor() {
    super();
    this.list = [];
    this.timers = new Map();
    this.isHeld = false;
  }

  /**
   * Say something for a while.
   *
   * @param action {label, run}: what a person may do about it, as long as it is shown
   * @param key what is said under it takes the place of what was said under it before
   * @param stays it is shown until somebody closes it
   */
  say(text, { code = '', isError = false, action = null, key = null, stays = false } = {}) {
    const notice = { text, code, isError, action, key, stays, saidAt: Date.now() };
    const others = this.list.filter((each) => key === null || each.key !== key);
    this.list = [...others, notice];
    this.#start(notice);
    this.changed();
    return notice;
  }

  /** Say what was done, with a way to take it back. */
  undoable(text, undo) {
    const run = () => this.attempt(undo);
    return this.say(text, { action: { label: t('shell.undo'), run } });
  }

  act(notice) {
    this.drop(notice);
    notice.action.run();
  }

  drop(notice) {
    clearTimeout(this.timers.get(notice));
    this.timers.delete(notice);
    this.list = this.list.filter((each) => each !== notice);
    this.changed();
  }

  /** Another view is shown: what was said of the former one goes, unless something can be done about it. */
  turn() {
    const isOver = ({ action, stays, saidAt }) => !action && !stays && Date.now() - saidAt > FRESH_MS;
    for (const notice of this.list.filter(isOver)) this.drop(notice);
  }

  /** Nothing goes away while somebody reads it or is about to press its button. */
  hold() {
    this.isHeld = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  release() {
    if (!this.isHeld) return;
    this.isHeld = false;
    for (const notice of this.list) this.#start(notice);
  }

  #start(notice) {
    if (this.isHeld || notice.stays) return;
    const shownMs = notice.isError || notice.action ? SHOWN_MS * 2 : SHOWN_MS;
    this.timers.set(notice, setTimeout(() => this.drop(notice), shownMs));
  }

  fail(error) {
    this.say(explain(error), { code: error.code ?? '', isError: true });
  }

  /** Run an action of a person's; what goes wrong is said. Answers whether it went well. */
  async attempt(action) {
    try {
      await action();
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }
}

export const notices = new Notices();
