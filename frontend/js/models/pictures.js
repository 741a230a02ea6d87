import { api } from '../core/api.js';
import { Store } from '../core/store.js';
import { t } from '../core/messages.js';
import { boards } from './boards.js';
import { jobs } from './jobs.js';
import { library, MOST_AT_ONCE } from './library.js';
import { notices } from './notices.js';

/*
 * What a person does to pictures, one or thousands: it shows at once, Studio is told, and where
 * that fails what was before is back.
 */
class Pictures extends Store {
  constructor() {
    super();
    this.acting = Promise.resolve();
  }

  /** One after the other, as they were done: what is in the trash takes no stars. */
  #act(ids, action, value) {
    const acted = this.acting.then(() => this.#send(ids, action, value));
    this.acting = acted.catch(() => {});
    return acted;
  }

  async #send(ids, action, value) {
    let refused = 0;
    for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
      const part = ids.slice(start, start + MOST_AT_ONCE);
      const answer = await api.post('/api/library/actions', { ids: part, action, value });
      refused += answer.refused.length;
    }
    return refused;
  }

  /** Change a field of what is shown now, then in Studio; back again if it refuses. */
  async #set(items, change, send) {
    const before = new Map(items.map((item) => [item.id, item]));
    const ids = [...before.keys()];
    library.patch(ids, change);
    this.#tell(ids, change);
    const went = await notices.attempt(() => send(ids));
    if (went) return true;
    library.patch(ids, ({ id }) => before.get(id));
    this.#tell(ids, ({ id }) => before.get(id));
    return false;
  }

  /** For who shows single pictures outside of the library's pages. */
  #tell(ids, change) {
    this.dispatchEvent(new CustomEvent('patch', { detail: { ids: new Set(ids), change } }));
  }

  favour(items, favourite) {
    const action = favourite ? 'favourite' : 'unfavourite';
    return this.#set(items, () => ({ favourite }), (ids) => this.#act(ids, action));
  }

  rate(items, rating) {
    return this.#set(items, () => ({ rating }), (ids) => this.#act(ids, 'rate', rating));
  }

  async putOn(items, board) {
    const fresh = items.filter((item) => !item.boards.includes(board.id));
    const on = (item) => ({ boards: [...new Set([...item.boards, board.id])] });
    if (!(await this.#set(items, on, (ids) => this.#act(ids, 'add_to_board', board.id)))) return;
    boards.load();
    const undo = () => this.takeFrom(fresh, board);
    const text = t('library.didAdd', { count: items.length, board: board.name });
    if (fresh.length) notices.undoable(text, undo);
    else notices.say(text);
  }

  async takeFrom(items, board) {
    const off = (item) => ({ boards: item.boards.filter((id) => id !== board.id) });
    if (!(await this.#set(items, off, (ids) => this.#act(ids, 'remove_from_board', board.id)))) return;
    boards.load();
    if (library.shown?.board === board.id) library.drop(items.map(({ id }) => id));
  }

  /** Into the trash: gone from sight at once, and back again by one press. */
  async trash(items) {
    const ids = items.map(({ id }) => id);
    this.#gone(ids);
    if (!(await notices.attempt(() => this.#act(ids, 'trash')))) {
      await this.#back(items);
      return;
    }
    boards.load();
    notices.undoable(t('library.didTrash', { count: ids.length }), async () => {
      await this.#act(ids, 'restore');
      await this.#back(items);
    });
  }

  /** They are there again: in the library, and among what their jobs have made. */
  async #back(items) {
    for (const { id } of items) jobs.deleted.delete(id);
    const known = new Set(items.map(({ job_id: id }) => id).filter((id) => jobs.byId.has(id)));
    boards.load();
    await Promise.all([library.reload(), ...[...known].map((id) => jobs.refresh(id))]);
    jobs.changed();
  }

  async restore(items) {
    const ids = items.map(({ id }) => id);
    this.#gone(ids);
    if (!(await notices.attempt(() => this.#act(ids, 'restore')))) {
      await library.reload();
      return;
    }
    for (const id of ids) jobs.deleted.delete(id);
    boards.load();
    notices.undoable(t('library.didRestore', { count: ids.length }), async () => {
      await this.#act(ids, 'trash');
      await library.reload();
    });
  }

  /** For good, from the trash; whoever calls has asked. */
  async purge(items) {
    const ids = items.map(({ id }) => id);
    this.#gone(ids);
    await notices.attempt(async () => {
      const refused = await this.#act(ids, 'purge');
      if (refused) notices.say(t('library.someInUse', { count: refused }), { isError: true });
      else notices.say(t('library.didPurge', { count: ids.length }));
    });
    await library.reload();
  }

  #gone(ids) {
    for (const id of ids) jobs.deleted.add(id);
    library.drop(ids);
    jobs.changed();
    this.dispatchEvent(new CustomEvent('gone', { detail: new Set(ids) }));
  }

  /** One ZIP, written by Studio while the browser takes it. */
  async zip(items) {
    const { url } = await api.post('/api/library/zip', { ids: items.map(({ id }) => id) });
    location.href = url;
  }
}

export const pictures = new Pictures();
