import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { notices } from '../models/notices.js';
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

let { view } = router;
router.addEventListener('change', () => {
  if (router.view !== view) notices.turn();
  view = router.view;
});
