import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { theme } from '../core/theme.js';
import { draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { session } from '../models/session.js';
import { isLoaded, loadPart, PARTS, VIEWS } from '../parts.js';
import { icon } from './icons.js';
import { navigation } from './navigation.js';

const RELOAD_MS = 3000;
/** Notices for programs: the page says more of these itself. */
const FOR_PROGRAMS = ['no isolation', 'the last update was taken back'];
/** Where views were that have moved. */
const MOVED = { people: 'settings' };

class StudioApp extends Element {
  constructor() {
    super();
    /** Parts that could not be loaded. */
    this.missing = new Set();
    this.watch(session, router, theme, feed);
    session.addEventListener('change', () => this.#onSession());
    session.addEventListener('other', forgetFormer);
  }

  #onSession() {
    clearTimeout(this.retry);
    if (session.state === 'in') {
      feed.start();
      for (const part of Object.values(PARTS)) this.#need(part);
    } else {
      feed.stop();
      this.#need(PARTS.doors);
    }
    // A session that ended by itself is no reason to lose half a thought.
    if (session.state === 'out' && !session.ended) draft.clear();
    if (session.state === 'offline') this.retry = setTimeout(() => session.load(), RELOAD_MS);
  }

  /** Whether a part is there; it is loaded if not. */
  #need(part) {
    if (isLoaded(part)) return true;
    const isTried = this.missing.has(part);
    if (!isTried) {
      loadPart(part)
        .catch(() => this.missing.add(part))
        .finally(() => this.requestUpdate());
    }
    return false;
  }

  render() {
    return html`${this.#page()} <studio-toasts></studio-toasts>`;
  }

  #page() {
    const { state } = session;
    const hasLink = Boolean(router.argument);
    if (state === 'loading' && router.view !== 'join') return nothing;
    if (state === 'offline') return door(html`<p role="status">${t('shell.offline')}</p>`);
    const isSetUp = state === 'fresh' || (router.view === 'setup' && hasLink);
    const isJoin = router.view === 'join' && hasLink;
    if (!isJoin && !isSetUp && state !== 'out') return this.#studio();
    if (!this.#need(PARTS.doors)) return this.#lack(PARTS.doors);
    if (isJoin) return door(html`<join-view></join-view>`);
    return door(isSetUp ? html`<setup-view></setup-view>` : html`<login-view></login-view>`);
  }

  #studio() {
    const wanted = MOVED[router.view] ?? router.view;
    const view = wanted in VIEWS ? wanted : 'create';
    document.title = `${t(`shell.views.${view}`)} · ${t('shell.name')}`;
    return html`
      <header><a class="skip" href="#/${view}" @click=${skip}>${t('shell.skip')}</a></header>
      <div class="studio" @pointerover=${this.near} @focusin=${this.near}>
        ${navigation(view)}
        <main id="content" tabindex="-1">
          ${banners()} ${this.#need(VIEWS[view]) ? VIEWS[view].content : this.#lack(VIEWS[view])}
        </main>
      </div>
      <studio-lightbox></studio-lightbox>
      <drop-sheet></drop-sheet>
    `;
  }

  /** Whoever is about to follow a link finds its view loaded. */
  near({ target }) {
    const part = VIEWS[target.closest('a')?.hash.slice(2)];
    if (part) this.#need(part);
  }

  /** In the place of what is still loaded, or could not be. */
  #lack(part) {
    if (!this.missing.has(part)) return nothing;
    const again = () => {
      this.missing.delete(part);
      this.requestUpdate();
    };
    return html`
      <div class="empty" role="alert">
        ${icon('warning')}
        <p>${t('shell.missingView')}</p>
        <button @click=${again}>${icon('again')}${t('shell.tryAgain')}</button>
      </div>
    `;
  }
}

/** Nothing of whoever was here before is for the next one. */
function forgetFormer() {
  feed.stop();
  draft.clear();
}

function skip(event) {
  event.preventDefault();
  document.getElementById('content').focus();
}

function banners() {
  const { ready, reasons = [], notices: told = [] } = feed.system;
  const lasting = session.isOwner ? told.filter((notice) => !FOR_PROGRAMS.includes(notice)) : [];
  return html`
    ${session.insecure
      ? html`<p class="banner is-warning">
          ${icon('warning')}<span>${t('shell.insecure')}</span>
          <button class="bare" aria-label=${t('shell.close')} @click=${() => session.acceptInsecure()}>
            ${icon('close')}
          </button>
        </p>`
      : nothing}
    ${feed.isAway ? bannerOf(t('shell.offline')) : nothing}
    ${ready ? nothing : bannerOf(notReadyText(reasons))} ${lasting.map(bannerOf)}
    ${session.isOwner ? html`<update-news></update-news>` : nothing}
    <p class="hint live-state" role="status">${feed.isLive === false && !feed.isAway ? t('shell.notLive') : ''}</p>
  `;
}

const notReadyText = (reasons) =>
  reasons.length ? t('shell.notReadyWhy', { reasons: reasons.join('; ') }) : t('shell.notReady');

const bannerOf = (text) =>
  html`<p class="banner" role="status">${icon('warning')}<span>${text}</span></p>`;

function door(content) {
  document.title = t('shell.name');
  return html`
    <main class="door">
      <div class="door-card">
        <img src="/static/favicon.svg" alt="" width="44" height="44" />
        ${content}
      </div>
    </main>
  `;
}

customElements.define('studio-app', StudioApp);
