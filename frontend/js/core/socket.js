/*
 * The one WebSocket: numbered events by topic, resumed after a cut by the last number seen;
 * previews as binary frames. It says how it is, and opens itself again until it is closed.
 */
const SLOW_CLIENT = 4408;
const SESSION_ENDED = 4401;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const PING_MS = 25_000;
const SILENCE_MS = 60_000;

export class LiveSocket {
  /**
   * @param topics names of what to subscribe to
   * @param handlers onEvent(topic, event, data), onSnapshot(topic, data),
   *   onPreview(head, blob), onState(isUp), onEnd()
   */
  constructor(topics, handlers) {
    this.topics = topics;
    this.handlers = handlers;
    this.isUp = false;
    this.last = null;
    this.run = null;
    this.pause = FIRST_PAUSE_MS;
    this.closed = false;
    this.wake = () => document.visibilityState === 'visible' && this.#openNow();
    document.addEventListener('visibilitychange', this.wake);
    addEventListener('online', this.wake);
    this.#open();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.ping);
    document.removeEventListener('visibilitychange', this.wake);
    removeEventListener('online', this.wake);
    this.socket?.close();
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/api/ws`);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      this.heardAt = Date.now();
      if (typeof data === 'string') this.#onText(JSON.parse(data));
      else this.#onBinary(data);
    };
    // The end of one that was replaced already says nothing about its successor.
    socket.onclose = ({ code }) => socket === this.socket && this.#onClose(code);
    this.socket = socket;
  }

  /** Subscribe to one more topic, or leave it again. */
  add(topic) {
    this.topics = [...new Set([...this.topics, topic])];
    if (this.isUp) this.#send({ type: 'subscribe', topics: [topic] });
  }

  leave(topic) {
    this.topics = this.topics.filter((each) => each !== topic);
    if (this.isUp) this.#send({ type: 'unsubscribe', topics: [topic] });
  }

  #openNow() {
    if (this.closed || this.socket?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.pause = FIRST_PAUSE_MS;
    this.#open();
  }

  #onText(message) {
    if (message.type === 'hello') this.#onHello(message);
    else if (message.type === 'snapshot') {
      this.last = Math.max(this.last ?? 0, message.n);
      this.handlers.onSnapshot(message.topic, message.data);
    } else if (message.type === 'event') {
      // What a resume brings twice was seen already.
      if (this.last !== null && message.n <= this.last) return;
      this.last = message.n;
      this.handlers.onEvent(message.topic, message.event, message.data);
    }
  }

  #onHello(hello) {
    if (hello.run !== this.run) this.last = null;
    this.run = hello.run;
    const subscribe = { type: 'subscribe', topics: this.topics };
    if (this.last !== null) subscribe.after = this.last;
    this.#send(subscribe);
    this.pause = FIRST_PAUSE_MS;
    this.heardAt = Date.now();
    clearInterval(this.ping);
    this.ping = setInterval(() => this.#checkLife(), PING_MS);
    this.#say(true);
  }

  #checkLife() {
    // A proxy may drop a connection without a word to either side.
    if (Date.now() - this.heardAt > SILENCE_MS) this.socket.close();
    else this.#send({ type: 'ping' });
  }

  #send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #onBinary(buffer) {
    const length = new DataView(buffer).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const picture = new Blob([new Uint8Array(buffer, 4 + length)], { type: head.content_type });
    this.handlers.onPreview(head, picture);
  }

  #onClose(code) {
    clearInterval(this.ping);
    if (this.closed) return;
    this.#say(false);
    if (code === SESSION_ENDED) {
      this.handlers.onEnd();
      return;
    }
    // Too slow for the events: what stands now is better than all that was missed.
    if (code === SLOW_CLIENT) this.last = null;
    this.timer = setTimeout(() => this.#open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }

  #say(isUp) {
    if (isUp !== this.isUp) {
      this.isUp = isUp;
      this.handlers.onState(isUp);
    }
  }
}
