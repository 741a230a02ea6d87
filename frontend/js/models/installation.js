import { Store } from '../core/store.js';
import { t } from '../core/messages.js';
import { workerAddress } from '../core/trusted.js';
import { notices } from './notices.js';

const SERVICE_WORKER = '/static/sw.js';

/** The page as an app: its service worker, its installation, and news of a newer version. */
class Installation extends Store {
  constructor() {
    super();
    this.offer = null;
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      this.offer = event;
      this.changed();
    });
    addEventListener('appinstalled', () => {
      this.offer = null;
      this.changed();
    });
    this.#register();
  }

  get isInstalled() {
    return matchMedia('(display-mode: standalone)').matches;
  }

  get canInstall() {
    return this.offer !== null;
  }

  async install() {
    await this.offer.prompt();
    // The browser lets each offer be used once.
    this.offer = null;
    this.changed();
  }

  async #register() {
    const { serviceWorker } = navigator;
    if (!serviceWorker) return;
    // None yet: the one that comes now is no news.
    let isFirst = !serviceWorker.controller;
    serviceWorker.addEventListener('controllerchange', () => {
      if (!isFirst) this.#tell();
      isFirst = false;
    });
    serviceWorker.addEventListener('message', ({ data }) => {
      if (typeof data?.open === 'string') location.hash = data.open;
    });
    try {
      this.registration = await serviceWorker.register(workerAddress(SERVICE_WORKER), { scope: '/' });
    } catch {
      // Forbidden by the browser, or Studio is away: the page works without.
    }
  }

  #tell() {
    const action = { label: t('shell.reload'), run: () => location.reload() };
    notices.say(t('shell.newVersion'), { action, key: 'version', stays: true });
  }
}

export const installation = new Installation();
