import { Element, html, nothing } from '../core/element.js';
import { loadMessages, t } from '../core/messages.js';
import { router } from '../core/router.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { VIEWS } from '../parts.js';
import { icon } from './icons.js';

/**
 * What just happened, at the edge of the page; some of it can be undone from there. Nothing outside
 * of an open dialog can be pressed, so each has one of these: the innermost speaks.
 */
class StudioToasts extends Element {
  constructor() {
    super();
    this.watch(notices);
  }

  connectedCallback() {
    super.connectedCallback();
    notices.changed();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    notices.changed();
  }

  get #isCovered() {
    const innermost = [...document.querySelectorAll('dialog studio-toasts')].at(-1);
    return innermost !== undefined && innermost !== this;
  }

  render() {
    if (this.#isCovered) return nothing;
    return html`
      <div
        class="notices"
        role="status"
        @pointerenter=${() => notices.hold()}
        @pointerleave=${() => notices.release()}
        @focusin=${() => notices.hold()}
        @focusout=${() => notices.release()}
      >
        ${notices.list.map(
          (notice) => html`
            <div class="notice ${notice.isError ? 'is-error' : ''}">
              <p>${notice.text} ${notice.code ? html`<code>${notice.code}</code>` : nothing}</p>
              ${notice.action
                ? html`<button class="bare notice-action" @click=${() => notices.act(notice)}>
                    ${notice.action.label}
                  </button>`
                : nothing}
              <button class="bare" aria-label=${t('shell.close')} @click=${() => notices.drop(notice)}>
                ${icon('close')}
              </button>
            </div>
          `,
        )}
      </div>
    `;
  }
}

customElements.define('studio-toasts', StudioToasts);

/** Addresses that lead on to a view of another name. */
const LEADING = ['', 'people', 'login', 'join', 'setup'];
const NAME_LENGTH = 40;

/** Whoever mistyped an address, or follows an old one, learns why this is shown instead. */
function sayWhere() {
  const name = router.view;
  if (session.state !== 'in' || name in VIEWS || LEADING.includes(name)) return;
  const say = () => {
    const view = t('shell.views.create');
    notices.say(t('keys.noView', { name: name.slice(0, NAME_LENGTH), view }), { key: 'view' });
  };
  // Without the words, as when Studio is away, the page itself has to do.
  loadMessages('keys').then(say, () => {});
}

let { view } = router;
router.addEventListener('change', () => {
  if (router.view === view) return;
  view = router.view;
  notices.turn();
  sayWhere();
});
sayWhere();
