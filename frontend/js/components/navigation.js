import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { theme } from '../core/theme.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';

/* On a phone these are the tabs, and the others are behind `more`. */
const FIRST = ['create', 'queue', 'library', 'workflows'];
const MEMBERS = ['models'];
const TALK = ['chat'];
const OTHERS = ['settings'];
const OWNERS = ['system', 'activity'];

/** The views that whoever is here may see, in their order. */
export const shownViews = () => [
  ...FIRST,
  ...(session.can('graphs:run') ? MEMBERS : []),
  ...TALK,
  ...OTHERS,
  ...(session.isOwner ? OWNERS : []),
];

async function switchTheme() {
  const { preferences } = await import('../models/preferences.js');
  preferences.set('appearance', { theme: theme.isDark ? 'light' : 'dark' });
}

/** What can be done from everywhere: {id, label, icon, run}. */
export function commands() {
  return [
    {
      id: 'palette',
      label: t('shell.search'),
      icon: 'search',
      run: async () => (await import('./keyboard.js')).openPalette(),
    },
    canOpenEditor() && {
      id: 'editor',
      label: t('shell.openEditor'),
      icon: 'editor',
      run: () => notices.attempt(() => openEditor()),
    },
    {
      id: 'theme',
      label: t(theme.isDark ? 'shell.toLight' : 'shell.toDark'),
      icon: theme.isDark ? 'sun' : 'moon',
      run: switchTheme,
    },
    {
      id: 'leave',
      label: t('shell.logOut'),
      icon: 'leave',
      run: () => notices.attempt(() => session.logout()),
    },
  ].filter(Boolean);
}

const isAbove = (name) => [...MEMBERS, ...TALK].includes(name);

/** Side bar on a desktop, tabs at the bottom of a phone. */
export function navigation(view) {
  const others = shownViews().filter((name) => !FIRST.includes(name));
  const inMenu = others.map((name) => ({ label: t(`shell.views.${name}`), icon: name, href: `#/${name}` }));
  return html`
    <nav class="bar" aria-label=${t('shell.navigation')}>
      <a class="brand" href="#/create">
        <img src="/static/favicon.svg" alt="" width="28" height="28" />${t('shell.name')}
      </a>
      ${FIRST.map((name) => link(name, view))}
      ${others.filter(isAbove).map((name) => link(name, view, 'only-wide'))}
      <span class="bar-gap only-wide"></span>
      ${others.filter((name) => !isAbove(name)).map((name) => link(name, view, 'only-wide'))}
      <menu-button
        class="only-narrow ${others.includes(view) ? 'is-here' : ''}"
        look="tab"
        label=${t('shell.more')}
        .items=${[...inMenu, ...commands()]}
      ></menu-button>
      <div class="bar-end only-wide">
        ${commands().map(
          ({ label, icon: symbol, run }) => html`<button class="quiet" @click=${run}>
            ${icon(symbol)}<span>${label}</span>
          </button>`,
        )}
      </div>
    </nav>
  `;
}

function link(name, view, className = '') {
  const { depth } = feed.queue;
  return html`
    <a href="#/${name}" class="tab ${className}" aria-current=${name === view ? 'page' : nothing}>
      ${icon(name)}<span>${t(`shell.views.${name}`)}</span>
      ${name === 'queue' && depth > 0 ? html`<span class="badge">${depth}</span>` : nothing}
    </a>
  `;
}
