import { html } from './core/element.js';
import { loadMessages } from './core/messages.js';
import { loadStyles } from './core/styles.js';
import './views/create.js';

/*
 * What the page is made of. All but Create is loaded when it is shown, or a link to it may be followed:
 * its module, words (`messages/<language>/…`) and looks (`css/…`).
 */
export const VIEWS = {
  create: { content: html`<create-view></create-view>` },
  queue: {
    load: () => import('./views/queue.js'),
    content: html`<queue-view></queue-view>`,
    messages: ['queue'],
    styles: ['pictures', 'queue'],
  },
  library: {
    load: () => import('./views/library.js'),
    content: html`<library-view></library-view>`,
    messages: ['library'],
    styles: ['pictures', 'library', 'grid'],
  },
  chat: {
    load: () => import('./views/chat.js'),
    content: html`<chat-view></chat-view>`,
    messages: ['chat', 'errors'],
    styles: ['pictures', 'making', 'chat', 'said', 'markdown', 'film'],
  },
  batch: {
    load: () => import('./views/batch.js'),
    content: html`<batch-view></batch-view>`,
    messages: ['batch'],
    styles: ['batch', 'results'],
  },
  workflows: {
    load: () => import('./views/workflows.js'),
    content: html`<workflows-view></workflows-view>`,
    messages: ['workflows', 'wizard'],
    styles: ['workflows', 'workflow', 'wizard', 'nodes'],
  },
  models: {
    load: () => import('./views/models.js'),
    content: html`<models-view></models-view>`,
    messages: ['models', 'language', 'downloads', 'errors'],
    styles: ['pictures', 'downloads', 'models', 'model', 'model-disk'],
  },
  civitai: {
    load: () => import('./views/civitai.js'),
    content: html`<civitai-view></civitai-view>`,
    messages: ['civitai', 'models', 'downloads', 'library', 'errors'],
    styles: ['pictures', 'library', 'downloads', 'models', 'model', 'civitai'],
  },
  settings: {
    load: () => import('./views/settings.js'),
    content: html`<settings-view></settings-view>`,
    messages: ['settings', 'people', 'access', 'programs', 'sharing', 'webhooks', 'telegram'],
    styles: ['settings', 'access', 'inputs', 'webhooks', 'sharing'],
  },
  device: {
    load: () => import('./views/device.js'),
    content: html`<device-view></device-view>`,
    messages: ['access', 'people'],
    styles: ['access'],
  },
  system: {
    load: () => import('./views/system.js'),
    content: html`<system-view></system-view>`,
    messages: ['system', 'packs', 'news'],
    styles: ['pictures', 'system', 'packs'],
  },
  activity: {
    load: () => import('./views/activity.js'),
    content: html`<activity-view></activity-view>`,
    messages: ['activity', 'people'],
    styles: ['system', 'activity'],
  },
  help: {
    load: () => import('./views/help.js'),
    content: html`<help-view></help-view>`,
    messages: ['help'],
    styles: ['help'],
  },
};

/** What is no view of its own. */
export const PARTS = {
  doors: { load: () => import('./views/doors.js'), messages: ['doors', 'errors'] },
  /** Menus and dialogs, what is said of refusals and of a workflow that was dropped. */
  pieces: {
    load: () =>
      Promise.all([
        import('./components/menu.js'),
        import('./components/toast.js'),
        import('./components/keyboard.js'),
        import('./components/drop_sheet.js'),
        import('./models/alerts.js'),
        import('./components/places.js'),
      ]),
    messages: ['errors', 'graph', 'keys'],
    styles: ['pieces', 'notices'],
  },
  /** What the form offers beyond its plain fields; its elements say something at once. */
  making: {
    load: () => loadMessages('making').then(() => import('./components/making.js')),
    messages: ['making'],
    styles: ['making', 'inputs', 'results', 'pictures'],
  },
  /** The models that a workflow lacks. */
  needs: {
    load: () => loadMessages('needs', 'downloads', 'errors').then(() => import('./components/missing_models.js')),
    messages: ['needs', 'downloads', 'errors'],
    styles: ['pictures', 'downloads', 'needs'],
  },
  /** What became of an update. */
  news: { load: () => loadMessages('news').then(() => import('./components/update_news.js')), messages: ['news'] },
  lightbox: {
    load: () => import('./components/lightbox.js'),
    messages: ['viewer', 'library'],
    styles: ['lightbox'],
  },
};

const loaded = new Set([VIEWS.create]);

export const isLoaded = (part) => loaded.has(part);

/** Load a part; it is tried again when it is asked for again. */
export async function loadPart(part) {
  const { load, messages = [], styles = [] } = part;
  await import('./components/late_icons.js');
  await Promise.all([load?.(), loadMessages(...messages), ...styles.map(loadStyles)]);
  loaded.add(part);
}
