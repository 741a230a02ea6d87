import { Element, html } from '../core/element.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import '../components/account.js';
import '../components/api_keys.js';
import '../components/everybody.js';

/** The owner looks after people here; everybody after their own account. */
class SettingsView extends Element {
  render() {
    return html`
      <div class="view settings">
        <header class="view-head">
          <h1>${t('shell.views.settings')}</h1>
        </header>
        ${session.isOwner ? html`<people-invite></people-invite><people-list></people-list>` : ''}
        <account-password></account-password>
        <account-sessions></account-sessions>
        <api-keys></api-keys>
      </div>
    `;
  }
}

customElements.define('settings-view', SettingsView);
