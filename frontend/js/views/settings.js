import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { session } from '../models/session.js';
import { icon } from '../components/icons.js';
import '../components/account.js';
import '../components/api_keys.js';
import '../components/everybody.js';
import '../components/shortcut_list.js';
import '../components/settings/alerts.js';
import '../components/settings/defaults.js';
import '../components/settings/looks.js';
import '../components/settings/retention.js';
import '../components/settings/server.js';
import '../components/settings/services.js';

const SECTIONS = {
  account: {
    icon: 'account',
    content: html`<account-password></account-password><account-sessions></account-sessions>`,
  },
  looks: { icon: 'sun', content: html`<settings-looks></settings-looks>` },
  defaults: { icon: 'use', content: html`<settings-defaults></settings-defaults>` },
  alerts: { icon: 'bell', content: html`<settings-alerts></settings-alerts>` },
  keyboard: {
    icon: 'keyboard',
    content: html`<section class="card"><shortcut-list></shortcut-list></section>`,
  },
  keys: { icon: 'key', content: html`<api-keys></api-keys>`, mayBe: () => session.can('admin') || session.can('graphs:run') },
  people: {
    icon: 'people',
    content: html`<people-invite></people-invite><people-list></people-list>`,
    mayBe: () => session.isOwner,
  },
  services: {
    icon: 'link',
    content: html`<settings-services></settings-services>`,
    mayBe: () => session.can('admin'),
  },
  retention: {
    icon: 'remove',
    content: html`<settings-retention></settings-retention>`,
    mayBe: () => session.can('admin'),
  },
  server: {
    icon: 'system',
    content: html`<settings-server></settings-server>`,
    mayBe: () => session.can('admin'),
  },
};

/** Everything that can be set, by whom it concerns. On a phone: a list, then one of it. */
class SettingsView extends Element {
  constructor() {
    super();
    this.watch(router, session);
  }

  render() {
    const names = Object.keys(SECTIONS).filter((name) => SECTIONS[name].mayBe?.() ?? true);
    const asked = names.includes(router.argument) ? router.argument : '';
    const shown = asked || names[0];
    return html`
      <div class="view settings ${asked ? 'is-deep' : ''}">
        <header class="view-head">
          <a class="button bare settings-back" href="#/settings" aria-label=${t('settings.back')}>${icon('left')}</a>
          <h1>${t('shell.views.settings')}</h1>
        </header>
        <nav class="settings-list" aria-label=${t('shell.views.settings')}>
          ${names.map(
            (name) => html`
              <a href=${`#/settings/${name}`} aria-current=${name === shown ? 'page' : nothing}>
                ${icon(SECTIONS[name].icon)}<span>${t(`settings.sections.${name}`)}</span>
              </a>
            `,
          )}
        </nav>
        <div class="settings-section">
          <h2 class="settings-title">${t(`settings.sections.${shown}`)}</h2>
          ${SECTIONS[shown].content}
        </div>
      </div>
    `;
  }
}

customElements.define('settings-view', SettingsView);
