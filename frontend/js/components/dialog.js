import { html, render } from '../core/element.js';

let opened = 0;

/**
 * Open a modal dialog. It keeps the focus, Esc and the browser's Back close it, and the focus goes
 * back to where it was.
 *
 * @param label what it is, for those who do not see it
 * @param content (close) => template; in the page's own tree, so that all style sheets count
 * @param className for its looks, beside `dialog`
 * @returns {close, closed}: `close(value)` and the promise both end with the value once it is gone
 *   and its entry in the history too; what goes elsewhere waits for that
 */
export function openDialog({ label, content, className = '' }) {
  const dialog = document.createElement('dialog');
  dialog.className = `dialog ${className}`;
  dialog.setAttribute('aria-label', label);
  const place = (opened += 1);
  let settle;
  let result;
  const closed = new Promise((resolve) => (settle = resolve));
  const isHere = () => history.state?.dialog === place;

  const end = () => {
    removeEventListener('popstate', onTravel);
    dialog.close();
    dialog.remove();
    settle(result);
  };
  const onTravel = () => isHere() || end();
  const close = (value) => {
    if (!dialog.isConnected) return closed;
    result = value;
    if (isHere()) history.back();
    else end();
    return closed;
  };

  history.pushState({ ...history.state, dialog: place }, '');
  addEventListener('popstate', onTravel);
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    close();
  });
  // Beside it: the dialog itself is all that is not its content.
  dialog.addEventListener('pointerdown', (event) => event.target === dialog && close());
  render(html`<div class="dialog-body">${content(close)}</div><studio-toasts></studio-toasts>`, dialog);
  document.body.append(dialog);
  dialog.showModal();
  // Components fill themselves a moment after they came; a browser looks for this once, before.
  requestAnimationFrame(() => dialog.querySelector('[autofocus]')?.focus());
  return { close, closed };
}
