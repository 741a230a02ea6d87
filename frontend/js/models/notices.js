import { Store } from '../core/store.js';
import { explain } from '../core/messages.js';

const SHOWN_MS = 6000;

/** Short words at the edge of the page. */
class Notices extends Store {
  constructor() {
    super();
    this.list = [];
  }

  say(text, { code = '', isError = false } = {}) {
    const notice = { text, code, isError };
    this.list = [...this.list, notice];
    this.changed();
    setTimeout(() => this.drop(notice), isError ? SHOWN_MS * 2 : SHOWN_MS);
  }

  drop(notice) {
    this.list = this.list.filter((each) => each !== notice);
    this.changed();
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
