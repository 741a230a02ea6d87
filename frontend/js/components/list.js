import { html, nothing } from '../core/element.js';
import { copyText } from '../core/clipboard.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { errorText, FormElement } from './form.js';
import { icon } from './icons.js';

/** A list that Studio keeps: loaded when it is shown, and again after every change. */
export class ListElement extends FormElement {
  constructor() {
    super();
    this.items = null;
    this.missing = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.reload();
  }

  async reload() {
    try {
      this.items = await this.load();
      this.missing = null;
    } catch (error) {
      this.missing = error;
    }
    this.requestUpdate();
  }

  /** Run a change of a person's, then show what came of it. */
  async change(action) {
    await notices.attempt(action);
    await this.reload();
  }

  rows(row) {
    if (this.missing) return errorText(this.missing);
    return html`<ul class="rows">
      ${(this.items ?? []).map((item) => html`<li class="row">${row(item)}</li>`)}
    </ul>`;
  }
}

/** Something that is shown once: a link or a key. */
export function onceShown(value, help) {
  if (!value) return nothing;
  const copy = () => copyText(value).then(() => notices.say(t('shell.copied')));
  return html`
    <div class="once" role="status">
      <p>${help}</p>
      <div class="with-button">
        <input readonly .value=${value} aria-label=${help} @focus=${({ target }) => target.select()} />
        <button type="button" @click=${() => notices.attempt(copy)}>${icon('copy')}${t('shell.copy')}</button>
      </div>
    </div>
  `;
}
