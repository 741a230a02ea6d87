import { Element, html, nothing, repeat } from '../core/element.js';
import { agoText } from '../core/format.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { chats } from '../models/chats.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { openDialog } from '../components/dialog.js';
import { icon } from '../components/icons.js';
import { openManner, presetList } from '../components/chat_manner.js';
import { noModel } from '../components/chat_states.js';
import '../components/chat_composer.js';
import '../components/chat_film.js';
import '../components/chat_message.js';

const TYPING_MS = 250;
const NEAR_PX = 120;
const PRESETS = 'presets';
const FILM = 'film';

/** Conversations with language models. */
class ChatView extends Element {
  constructor() {
    super();
    this.isLoaded = false;
    this.said = '';
    this.watch(chats, session);
    this.onRoute = () => this.#open();
    /** Whether the end is in sight: whoever reads further up is left where they are. */
    this.isAtEnd = true;
    this.wasAt = 0;
    this.onScroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = document.scrollingElement;
      const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      // What grows below moves nobody away from the end: only whoever scrolls up leaves it.
      if (isNear || scrollTop < this.wasAt) this.#setAtEnd(isNear);
      this.wasAt = scrollTop;
    };
  }

  connectedCallback() {
    super.connectedCallback();
    router.addEventListener('change', this.onRoute);
    addEventListener('scroll', this.onScroll, { passive: true });
    this.sizes = new ResizeObserver(() => this.#toEnd());
    this.sizes.observe(this);
    chats.listen(() => {
      router.go('chat');
      notices.say(t('chat.goneElsewhere'));
    });
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    router.removeEventListener('change', this.onRoute);
    removeEventListener('scroll', this.onScroll);
    this.sizes.disconnect();
    clearTimeout(this.typing);
    chats.leave();
  }

  async #load() {
    await notices.attempt(() => chats.load());
    this.isLoaded = true;
    this.requestUpdate();
    await this.#open();
  }

  async #open() {
    if (router.view !== 'chat') return;
    const id = router.argument && ![PRESETS, FILM].includes(router.argument) ? router.argument : null;
    this.said = '';
    this.isAtEnd = true;
    this.wasAt = 0;
    this.requestUpdate();
    await notices.attempt(() => chats.open(id));
  }

  willUpdate() {
    this.#announce();
  }

  #setAtEnd(isAtEnd) {
    if (isAtEnd === this.isAtEnd) return;
    this.isAtEnd = isAtEnd;
    this.requestUpdate();
  }

  #toEnd() {
    if (this.isAtEnd && chats.chat) scrollTo({ top: document.scrollingElement.scrollHeight });
  }

  #goToEnd() {
    this.#setAtEnd(true);
    this.#toEnd();
    this.querySelector('chat-composer textarea').focus({ preventScroll: true });
  }

  /** The end of a reply is read out once, not word by word. */
  #announce() {
    const last = chats.branch.at(-1);
    if (chats.isWriting) this.said = t('chat.isWriting');
    else if (this.wasWriting && last) this.said = last.text.slice(0, 1000) || t('chat.isOver');
    this.wasWriting = chats.isWriting;
  }

  render() {
    const { argument } = router;
    const isOpen = Boolean(argument);
    return html`
      <div class="view chat ${isOpen ? 'is-open' : ''}">
        ${this.#side()}
        <section class="chat-main">
          ${this.#main(argument)}
        </section>
      </div>
    `;
  }

  #main(argument) {
    if (argument === PRESETS) return presetList((fields) => this.#begin(fields));
    if (argument === FILM) return html`<chat-film .wanted=${router.detail || null}></chat-film>`;
    return this.#conversation();
  }

  // -- the list ----------------------------------------------------------------------------------

  #side() {
    const search = ({ target }) => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => notices.attempt(() => chats.find(target.value)), TYPING_MS);
    };
    return html`
      <aside class="chat-side" aria-label=${t('chat.title')}>
        <div class="chat-side-head">
          <strong>${t('chat.title')}</strong>
          <a class="button" href="#/chat/presets">${icon('presets')}${t('chat.presets')}</a>
          <button class="primary" @click=${() => this.#begin()}>${icon('plus')}${t('chat.new')}</button>
        </div>
        <a class="film-link" href="#/chat/film">${icon('play')}${t('chat.film')}</a>
        <label class="search">
          <span class="unseen">${t('chat.search')}</span>${icon('search')}
          <input type="search" placeholder=${t('chat.search')} .value=${chats.query} @input=${search} />
        </label>
        <ul class="chat-list">
          ${repeat(
            chats.list,
            ({ id }) => id,
            (each) => html`<li class=${each.id === chats.chat?.id ? 'is-here' : ''}>
              <a href="#/chat/${each.id}" aria-current=${each.id === chats.chat?.id ? 'page' : nothing}>
                <span>${each.title || t('chat.untitled')}</span>
                <small>${each.snippet || agoText(each.updated_at)}</small>
              </a>
              <menu-button
                label=${t('chat.moreOf', { name: each.title || t('chat.untitled') })}
                .items=${this.#menu(each)}
              ></menu-button>
            </li>`,
          )}
        </ul>
        ${chats.list.length < (chats.total ?? 0)
          ? html`<button @click=${() => notices.attempt(() => chats.find(chats.query, chats.list.length))}>
              ${t('chat.more')}
            </button>`
          : nothing}
        ${chats.total === 0 ? html`<p class="hint">${t(chats.query ? 'chat.nothingFound' : 'chat.none')}</p>` : nothing}
      </aside>
    `;
  }

  #menu({ id, title }) {
    return [
      { label: t('chat.rename'), icon: 'use', run: () => this.#rename(id, title) },
      { label: t('chat.asMarkdown'), icon: 'download', href: `/api/chats/${id}/export?format=markdown` },
      { label: t('chat.asJson'), icon: 'download', href: `/api/chats/${id}/export` },
      { label: t('chat.delete'), icon: 'remove', run: () => this.#remove(id, title) },
    ];
  }

  #rename(id, title) {
    const save = (event, close) => {
      event.preventDefault();
      const given = new FormData(event.target).get('title');
      notices.attempt(() => chats.update({ title: given }, id).then(() => close()));
    };
    openDialog({
      label: t('chat.rename'),
      content: (close) => html`
        <form @submit=${(event) => save(event, close)}>
          <label class="field">
            <span>${t('chat.name')}</span>
            <input name="title" required maxlength="200" .value=${title} autofocus />
          </label>
          <div class="dialog-actions"><button class="primary">${icon('check')}${t('chat.save')}</button></div>
        </form>
      `,
    });
  }

  #remove(id, title) {
    const remove = (close) =>
      notices.attempt(async () => {
        const wasHere = chats.chat?.id === id;
        await close();
        await chats.remove(id);
        if (wasHere) router.go('chat');
      });
    openDialog({
      label: t('chat.delete'),
      content: (close) => html`
        <h2>${t('chat.deleteSure', { title: title || t('chat.untitled') })}</h2>
        <div class="dialog-actions">
          <button @click=${() => close()}>${t('shell.cancel')}</button>
          <button class="primary" @click=${() => remove(close)}>${icon('remove')}${t('chat.delete')}</button>
        </div>
      `,
    });
  }

  // -- the conversation --------------------------------------------------------------------------

  async #begin(fields = {}) {
    await notices.attempt(async () => {
      const id = await chats.begin(fields);
      router.go(`chat/${id}`);
      await this.updateComplete;
      this.querySelector('chat-composer textarea')?.focus();
    });
  }

  #conversation() {
    const { chat, branch } = chats;
    if (!this.isLoaded || (router.argument && !chat)) return html`<h1 class="unseen">${t('chat.title')}</h1>`;
    const isMute = chats.models && !chats.models.length;
    if (isMute && !chat) return html`<h1 class="unseen">${t('chat.new')}</h1>${noModel()}`;
    return html`
      <header class="view-head chat-head">
        ${chat ? html`<a class="round only-narrow" href="#/chat" aria-label=${t('chat.back')}>${icon('left')}</a>` : nothing}
        <h1>${chat ? chat.title || t('chat.untitled') : t('chat.new')}</h1>
        ${chat
          ? html`<button title=${t('chat.manner')} @click=${() => openManner(chat)}>
              ${icon('settings')}<span>${this.#modelName(chat.model)}</span>
            </button>`
          : nothing}
      </header>
      <p class="unseen" role="status" aria-live="polite">${this.said}</p>
      <div class="chat-log">
        ${branch.length ? nothing : html`<p class="hint">${t('chat.hello')}</p>`}
        ${repeat(
          branch,
          ({ id }) => id,
          (message, at) => html`<chat-message
            .message=${message}
            .follows=${message.role !== 'user' && branch[at - 1]?.role === message.role}
            .isLast=${at === branch.length - 1}
          ></chat-message>`,
        )}
      </div>
      ${this.isAtEnd || !branch.length
        ? nothing
        : html`<button class="round to-end" aria-label=${t('chat.toEnd')} title=${t('chat.toEnd')} @click=${() => this.#goToEnd()}>
            ${icon('down')}
          </button>`}
      ${isMute ? noModel() : html`${this.#gone(chat)}<chat-composer .onSend=${(body) => this.#send(body)}></chat-composer>`}
    `;
  }

  /** The model that this conversation names is not there: another one can be chosen. */
  #gone(chat) {
    if (!chat?.model || !chats.models || chats.models.some(({ id }) => id === chat.model)) return nothing;
    return html`
      <div class="call-question" role="status">
        <p>${t('chat.modelGone', { name: chat.model })}</p>
        <div class="dialog-actions">
          <button class="primary" @click=${() => openManner(chat)}>${icon('settings')}${t('chat.chooseModel')}</button>
        </div>
      </div>
    `;
  }

  async #send(body) {
    this.isAtEnd = true;
    if (chats.chat) {
      await chats.send(body);
      return;
    }
    const id = await chats.begin();
    await chats.send(body);
    router.go(`chat/${id}`);
  }

  #modelName(id) {
    const found = id ? chats.models?.find((model) => model.id === id) : chats.models?.[0];
    return found?.name ?? id ?? t('chat.model');
  }
}

customElements.define('chat-view', ChatView);
