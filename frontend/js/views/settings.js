import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { SECTIONS, shownSections } from '../models/sections.js';
import { session } from '../models/session.js';
import { icon } from '../components/icons.js';
import '../components/account.js';
import '../components/api_keys.js';
import '../components/everybody.js';
import '../components/quota.js';
import '../components/shortcut_list.js';
import '../components/settings/alerts.js';
import '../components/settings/defaults.js';
import '../components/settings/looks.js';
import '../components/settings/programs.js';
import '../components/settings/retention.js';
import '../components/settings/server.js';
import '../components/settings/services.js';
import '../components/settings/shares.js';
import '../components/settings/webhooks.js';
import '../components/settings/telegram.js';

const CONTENT = {
  account: html`<account-password></account-password><account-quota></account-quota
    ><account-sessions></account-sessions>`,
  looks: html`<settings-looks></settings-looks>`,
  defaults: html`<settings-defaults></settings-defaults>`,
  alerts: html`<settings-alerts></settings-alerts>`,
  keyboard: html`<section class="card"><shortcut-list></shortcut-list></section>`,
  keys: html`<api-keys></api-keys>`,
  people: html`<people-invite></people-invite><people-list></people-list><people-limits></people-limits>`,
  shares: html`<settings-shares></settings-shares>`,
  programs: html`<settings-drawing-models></settings-drawing-models><settings-program-code></settings-program-code>`,
  webhooks: html`<settings-webhooks></settings-webhooks>`,
  services: html`<settings-services></settings-services>`,
  telegram: html`<settings-telegram></settings-telegram>`,
  retention: html`<settings-retention></settings-retention>`,
  server: html`<settings-server></settings-server>`,
};

/** Everything that can be set, by whom it concerns. On a phone: a list, then one of it. */
class SettingsView extends Element {
  constructor() {
    super();
    this.watch(router, session);
  }

  render() {
    const names = shownSections();
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
          ${CONTENT[shown]}
        </div>
      </div>
    `;
  }
}

customElements.define('settings-view', SettingsView);
