import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { shortcuts } from '../core/shortcuts.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { preferences } from '../models/preferences.js';
import { session } from '../models/session.js';
import { openDialog } from './dialog.js';
import { commands, shownViews } from './navigation.js';
import { setPaused } from './states.js';
import './focus.js';
import './palette.js';
import './shortcut_list.js';

/* What can be done from everywhere by the keyboard, and by its name in the palette. */

const KEYS = {
  create: 'g c',
  queue: 'g q',
  library: 'g l',
  workflows: 'g w',
  models: 'g m',
  settings: 'g s',
  system: 'g y',
  activity: 'g a',
  palette: 'Mod+K',
};

export function openPalette() {
  openDialog({
    label: t('keys.palette'),
    className: 'palette',
    content: (close) => html`<command-palette .close=${close}></command-palette>`,
  });
}

export function openShortcuts() {
  openDialog({
    label: t('keys.title'),
    className: 'wide-dialog',
    content: (close) => html`<shortcut-list heading .close=${close}></shortcut-list>`,
  });
}

function everywhere() {
  if (session.state !== 'in') return [];
  const views = shownViews().map((name) => ({
    id: `go.${name}`,
    icon: name,
    label: () => t('keys.go', { view: t(`shell.views.${name}`) }),
    keys: KEYS[name],
    run: () => router.go(name),
  }));
  const { paused } = feed.queue;
  return [
    ...views,
    { id: 'keys', icon: 'keyboard', label: () => t('keys.title'), keys: '?', run: openShortcuts },
    { id: 'search', icon: 'search', label: () => t('keys.search'), keys: '/', run: focusSearch },
    ...commands().map(({ label, ...command }) => ({ ...command, keys: KEYS[command.id], label: () => label })),
    session.can('admin') && {
      id: 'pause',
      icon: paused ? 'play' : 'pause',
      label: () => t(paused ? 'keys.resume' : 'keys.pause'),
      run: () => notices.attempt(() => setPaused(!paused)),
    },
  ].filter(Boolean);
}

function focusSearch() {
  document.querySelector('main input[type="search"]')?.focus();
}

shortcuts.offer(everywhere);
const follow = () => shortcuts.choose(preferences.values.shortcuts);
preferences.addEventListener('change', follow);
follow();
