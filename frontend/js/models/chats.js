import { address, api } from '../core/api.js';
import { Store } from '../core/store.js';
import { feed } from './feed.js';

const PAGE = 50;
const RETRY_MS = 2000;
/** What this page does itself is told as well, and known by then. */
const SETTLE_MS = 200;
const MOST_LISTED = 200;

/** Conversations: the list, the one that is open, and the reply that is being written. */
class Chats extends Store {
  constructor() {
    super();
    this.clear();
  }

  clear() {
    this.#unfollow();
    this.list = [];
    this.total = null;
    this.query = '';
    this.models = null;
    this.presets = [];
    this.chat = null;
    /** Ids of what this page removes itself. */
    this.removed = new Set();
    this.changed();
  }

  async load() {
    const [models, presets] = await Promise.all([api.get('/api/chats/models'), api.get('/api/chat-presets')]);
    this.models = models.items;
    this.presets = presets.items;
    await this.find(this.query);
  }

  async find(query, start = 0) {
    const asked = (this.asked = {});
    this.query = query;
    const { items, total } = await api.get(address('/api/chats', { q: query, start, limit: PAGE }));
    if (asked !== this.asked) return;
    this.list = start ? [...this.list, ...items] : items;
    this.total = total;
    this.changed();
  }

  /** Show a conversation, or with `null` none. */
  async open(id) {
    if (this.chat?.id === id) return;
    this.#unfollow();
    this.chat = null;
    this.wanted = id;
    this.changed();
    if (id) await this.refresh(id);
  }

  async refresh(id = this.chat.id) {
    const chat = await api.get(`/api/chats/${id}`);
    if (this.wanted !== id) return;
    this.chat = chat;
    this.changed();
    if (this.isWriting) this.#follow();
  }

  async begin(fields = {}) {
    const chat = await api.post('/api/chats', fields);
    this.#unfollow();
    this.chat = chat;
    this.wanted = chat.id;
    this.list = [{ ...chat, snippet: '' }, ...this.list];
    this.changed();
    return chat.id;
  }

  get isWriting() {
    return this.chat?.messages.some(({ status }) => status === 'writing') ?? false;
  }

  // -- what is said ------------------------------------------------------------------------------

  async send(body) {
    const { id } = this.chat;
    const { message, reply } = await api.post(`/api/chats/${id}/messages`, body);
    this.#took(id, message, reply);
    this.find(this.query);
  }

  regenerate = async (message, model = null) => {
    const { id } = this.chat;
    this.#took(id, await api.post(`/api/chats/${id}/messages/${message.id}/regenerate`, { model }));
  };

  goOn = async (message) => {
    const { id } = this.chat;
    this.#took(id, await api.post(`/api/chats/${id}/messages/${message.id}/continue`));
  };

  decide = async (message, number, run) => {
    const { id } = this.chat;
    this.#took(id, await api.post(`/api/chats/${id}/messages/${message.id}/calls/${number}`, { run }));
  };

  async stop() {
    const chat = await api.post(`/api/chats/${this.chat.id}/stop`);
    if (this.chat?.id !== chat.id) return;
    this.chat = chat;
    this.changed();
  }

  #took(id, ...messages) {
    if (this.chat?.id !== id) return;
    for (const message of messages) this.#put(message);
    this.chat = { ...this.chat, tip: messages.at(-1).id };
    this.changed();
    if (this.isWriting) this.#follow();
  }

  #put(message) {
    const { messages } = this.chat;
    const at = messages.findIndex(({ id }) => id === message.id);
    this.chat = {
      ...this.chat,
      messages: at < 0 ? [...messages, message] : messages.with(at, message),
    };
  }

  // -- branches ----------------------------------------------------------------------------------

  /** The messages that are shown, the first one first. */
  get branch() {
    const byId = new Map(this.chat?.messages.map((message) => [message.id, message]));
    const found = [];
    for (let at = byId.get(this.chat?.tip); at; at = byId.get(at.parent)) found.unshift(at);
    return found;
  }

  /** What stands beside a message: other wordings, other replies. */
  siblings({ parent, role }) {
    return this.chat.messages.filter((each) => each.parent === parent && each.role === role);
  }

  /** Show another one instead, with the latest of what followed it. */
  async show(message) {
    let tip = message;
    for (let next = tip; next; next = this.chat.messages.findLast(({ parent }) => parent === tip.id)) tip = next;
    await this.update({ tip: tip.id });
  }

  // -- the conversation itself -------------------------------------------------------------------

  async update(fields, id = this.chat.id) {
    const chat = await api.patch(`/api/chats/${id}`, fields);
    if (this.chat?.id === id) this.chat = chat;
    this.#retitle(id, chat.title);
  }

  async remove(id) {
    this.removed.add(id);
    await api.remove(`/api/chats/${id}`);
    this.list = this.list.filter((each) => each.id !== id);
    if (this.chat?.id === id) await this.open(null);
    this.changed();
  }

  #retitle(id, title) {
    this.list = this.list.map((each) => (each.id === id ? { ...each, title } : each));
    if (this.chat?.id === id) this.chat = { ...this.chat, title };
    this.changed();
  }

  async savePreset(fields, id = null) {
    const saved = await (id ? api.patch(`/api/chat-presets/${id}`, fields) : api.post('/api/chat-presets', fields));
    const { items } = await api.get('/api/chat-presets');
    this.presets = items;
    this.changed();
    return saved;
  }

  async removePreset(id) {
    await api.remove(`/api/chat-presets/${id}`);
    this.presets = this.presets.filter((each) => each.id !== id);
    this.changed();
  }

  // -- what happens elsewhere --------------------------------------------------------------------

  /** Hear what other pages do, until nobody looks any more; `onGone` is told of the open one's end. */
  listen(onGone) {
    let isFirst = true;
    this.unlisten = feed.follow('chats', (event, { id }) => {
      if (event === 'changed') this.#lookAgain(id);
      else if (event === 'removed') this.#wasRemoved(id, onGone);
      // After a cut nobody knows what was missed.
      else if (event === 'snapshot' && !isFirst) this.#lookAgain(this.chat?.id);
      if (event === 'snapshot') isFirst = false;
    });
  }

  #lookAgain(id) {
    this.toLookAt = this.chat?.id === id ? id : this.toLookAt;
    clearTimeout(this.looking);
    this.looking = setTimeout(() => {
      const { toLookAt } = this;
      this.toLookAt = null;
      this.#reload();
      // Whoever reads along hears of it there.
      if (toLookAt && this.chat?.id === toLookAt && !this.stream) this.refresh(toLookAt).catch(() => {});
    }, SETTLE_MS);
  }

  /** The list once more, as far as it was shown. */
  async #reload() {
    const asked = (this.asked = {});
    const limit = Math.min(MOST_LISTED, Math.max(PAGE, this.list.length));
    try {
      const { items, total } = await api.get(address('/api/chats', { q: this.query, start: 0, limit }));
      if (asked !== this.asked) return;
      this.list = [...items, ...this.list.slice(MOST_LISTED).filter((each) => !items.some(({ id }) => id === each.id))];
      this.total = total;
      this.changed();
    } catch {
      // The next event asks again.
    }
  }

  #wasRemoved(id, onGone) {
    if (this.removed.has(id)) return;
    this.#reload();
    if (this.chat?.id !== id) return;
    this.open(null);
    onGone();
  }

  // -- while it is written -----------------------------------------------------------------------

  #follow() {
    this.#unfollow();
    const { id } = this.chat;
    const stream = new EventSource(`/api/chats/${id}/events`);
    this.stream = stream;
    const on = (kind, take) =>
      stream.addEventListener(kind, ({ data }) => {
        if (this.stream !== stream || this.chat?.id !== id) return;
        take(JSON.parse(data));
        this.changed();
      });
    on('message', ({ at, ...message }) => {
      const had = this.#find(message.id)?.text ?? '';
      // Only one that was cut off is sent less than all of it.
      this.#put({ ...message, text: at ? had + message.text : message.text });
      if (message.parent === this.chat.tip) this.chat = { ...this.chat, tip: message.id };
    });
    on('text', ({ id: which, text }) => {
      const message = this.#find(which);
      if (message) this.#put({ ...message, text: message.text + text });
    });
    on('thoughts', ({ id: which, at, thoughts }) => {
      const message = this.#find(which);
      // At the beginning they replace what there was.
      if (message) this.#put({ ...message, thoughts: at ? message.thoughts + thoughts : thoughts });
    });
    on('title', ({ title }) => this.#retitle(id, title));
    on('end', () => {
      this.#unfollow();
      if (this.isWriting) this.refresh(id).catch(() => this.changed());
    });
    stream.addEventListener('error', () => {
      // The browser comes back by itself, unless it was refused.
      if (stream.readyState !== EventSource.CLOSED || this.stream !== stream) return;
      this.retry = setTimeout(() => this.refresh(id).catch(() => this.changed()), RETRY_MS);
    });
  }

  #find(id) {
    return this.chat.messages.find((each) => each.id === id);
  }

  #unfollow() {
    clearTimeout(this.retry);
    this.stream?.close();
    this.stream = null;
  }

  /** Nobody looks any more. */
  leave() {
    this.#unfollow();
    this.unlisten?.();
    clearTimeout(this.looking);
    this.chat = null;
    this.wanted = null;
  }
}

export const chats = new Chats();
