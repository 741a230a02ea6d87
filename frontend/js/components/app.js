import { Element, html, nothing } from '../core/element.js';
import { words } from '../core/messages.js';
import { router } from '../core/router.js';
import { theme } from '../core/theme.js';
import { draft } from '../models/draft.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';
import '../views/create.js';

const RELOAD_MS = 3000;
/** A notice for programs: it holds on every machine where Studio is not root in a container. */
const NOT_ISOLATED = 'no isolation';

/* What the first look does not need comes right after it. */
const LATER = {
  doors: () => import('../views/doors.js'),
  lightbox: () => import('./lightbox.js'),
  queue: () => import('../views/queue.js'),
  library: () => import('../views/library.js'),
  people: () => import('../views/people.js'),
  help: () => import('../views/help.js'),
};

const VIEWS = {
  create: html`<create-view></create-view>`,
  queue: html`<queue-view></queue-view>`,
  library: html`<library-view></library-view>`,
  people: html`<people-view></people-view>`,
  help: html`<help-view></help-view>`,
};
const TABS = ['create', 'queue', 'library', 'people'];

class StudioApp extends Element {
  constructor() {
    super();
    this.watch(session, router, theme, feed, notices);
    session.addEventListener('change', () => this.#onSession());
    session.addEventListener('other', forgetFormer);
    router.addEventListener('change', () => viewer.close());
  }

  #onSession() {
    clearTimeout(this.retry);
    if (session.state === 'in') {
      feed.start();
      // A page that is left in this very moment needs none of them any more.
      for (const load of Object.values(LATER)) load().catch(() => {});
    } else {
      feed.stop();
      viewer.close();
      LATER.doors();
    }
    // A session that ended by itself is no reason to lose half a thought.
    if (session.state === 'out' && !session.ended) draft.clear();
    if (session.state === 'offline') this.retry = setTimeout(() => session.load(), RELOAD_MS);
  }

  render() {
    return html`${this.#page()} ${this.#notices()}`;
  }

  #page() {
    if (router.view === 'join' && router.argument) {
      LATER.doors();
      return door(html`<join-view></join-view>`);
    }
    if (session.state === 'loading') return nothing;
    if (session.state === 'offline') return door(html`<p role="status">${words.offline}</p>`);
    if (session.state === 'fresh' || (router.view === 'setup' && router.argument)) {
      LATER.doors();
      return door(html`<setup-view></setup-view>`);
    }
    if (session.state === 'out') return door(html`<login-view></login-view>`);
    return this.#studio();
  }

  #studio() {
    const view = router.view in VIEWS ? router.view : 'create';
    document.title = `${words.views[view]} · ${words.name}`;
    return html`
      <a class="skip" href="#/${view}" @click=${skip}>${words.skip}</a>
      <div class="studio">
        <nav class="bar" aria-label=${words.navigation}>
          <a class="brand" href="#/create">
            <img src="/static/favicon.svg" alt="" width="28" height="28" />${words.name}
          </a>
          ${TABS.map((name) => link(name, name === view))}
          <div class="bar-end">
            ${canOpenEditor()
              ? html`<button class="quiet only-wide" @click=${() => notices.attempt(openEditor)}>
                  ${icon('editor')}<span>${words.openEditor}</span>
                </button>`
              : nothing}
            <button class="quiet" @click=${() => theme.toggle()}>
              ${icon(theme.isDark ? 'sun' : 'moon')}
              <span>${theme.isDark ? words.toLight : words.toDark}</span>
            </button>
            <button class="quiet" @click=${() => notices.attempt(() => session.logout())}>
              ${icon('leave')}<span>${words.logOut}</span>
            </button>
          </div>
        </nav>
        <main id="content" tabindex="-1">${banners()} ${VIEWS[view]}</main>
      </div>
      <studio-lightbox></studio-lightbox>
    `;
  }

  #notices() {
    return html`
      <div class="notices" role="status">
        ${notices.list.map(
          (notice) => html`
            <div class="notice ${notice.isError ? 'is-error' : ''}">
              <p>${notice.text} ${notice.code ? html`<code>${notice.code}</code>` : nothing}</p>
              <button class="bare" aria-label=${words.close} @click=${() => notices.drop(notice)}>
                ${icon('close')}
              </button>
            </div>
          `,
        )}
      </div>
    `;
  }
}

/** Nothing of whoever was here before is for the next one. */
function forgetFormer() {
  feed.stop();
  draft.clear();
  viewer.close();
}

function skip(event) {
  event.preventDefault();
  document.getElementById('content').focus();
}

function link(name, isHere) {
  // Only the owner has people to look after; for others the same view is their account.
  const label = name === 'people' && !session.isOwner ? words.views.account : words.views[name];
  const waiting = name === 'queue' && feed.queue.depth > 0;
  return html`
    <a href="#/${name}" class="tab" aria-current=${isHere ? 'page' : nothing}>
      ${icon(name)}<span>${label}</span>
      ${waiting ? html`<span class="badge">${feed.queue.depth}</span>` : nothing}
    </a>
  `;
}

function banners() {
  const { ready, reasons = [], notices: told = [] } = feed.system;
  const lasting = session.isOwner ? told.filter((notice) => notice !== NOT_ISOLATED) : [];
  return html`
    ${session.insecure
      ? html`<p class="banner is-warning">
          ${icon('warning')}<span>${words.insecure}</span>
          <button class="bare" aria-label=${words.close} @click=${() => session.acceptInsecure()}>
            ${icon('close')}
          </button>
        </p>`
      : nothing}
    ${ready ? nothing : bannerOf(words.notReady(reasons))}
    ${lasting.map(bannerOf)}
    <p class="hint live-state" role="status">${feed.isLive === false ? words.notLive : ''}</p>
  `;
}

const bannerOf = (text) =>
  html`<p class="banner" role="status">${icon('warning')}<span>${text}</span></p>`;

function door(content) {
  document.title = words.name;
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
