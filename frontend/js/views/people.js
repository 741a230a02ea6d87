import { Element, html, nothing } from '../core/element.js';
import { words } from '../core/messages.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from '../components/icons.js';
import '../components/account.js';
import '../components/api_keys.js';
import '../components/everybody.js';

/** The owner looks after people here; everybody after their own account. */
class PeopleView extends Element {
  constructor() {
    super();
    this.watch(feed);
  }

  render() {
    const text = words.people;
    return html`
      <div class="view people">
        <header class="view-head">
          <h1>${session.isOwner ? text.title : text.account}</h1>
          ${canOpenEditor()
            ? html`<button class="only-narrow" @click=${() => notices.attempt(openEditor)}>
                ${icon('editor')}${words.openEditor}
              </button>`
            : nothing}
        </header>
        ${session.isOwner ? html`<people-invite></people-invite><people-list></people-list>` : ''}
        <account-password></account-password>
        <account-sessions></account-sessions>
        <api-keys></api-keys>
      </div>
    `;
  }
}

customElements.define('people-view', PeopleView);
