import { api } from '../core/api.js';
import { Store } from '../core/store.js';

/** A person's boards, with how many pictures are on each. */
class Boards extends Store {
  constructor() {
    super();
    this.list = [];
  }

  async load() {
    try {
      this.list = (await api.get('/api/boards')).items;
      this.changed();
    } catch {
      // Those of the last time do, until the next.
    }
  }

  byId(id) {
    return this.list.find((board) => board.id === id);
  }

  async create(name) {
    const board = await api.post('/api/boards', { name });
    await this.load();
    return board;
  }

  async rename(id, name) {
    await api.patch(`/api/boards/${id}`, { name });
    await this.load();
  }

  async remove(id) {
    await api.remove(`/api/boards/${id}`);
    await this.load();
  }
}

export const boards = new Boards();
