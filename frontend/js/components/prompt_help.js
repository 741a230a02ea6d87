import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { language, LANGUAGES, loadMessages, t } from '../core/messages.js';
import { assist } from '../models/assist.js';
import { draft } from '../models/draft.js';
import { notices } from '../models/notices.js';

const TASKS = ['improve', 'expand', 'translate'];

/** A language model's help with the text of a field: what it wrote can be changed before it is used. */
class PromptHelp extends Element {
  static properties = {
    field: { attribute: false },
    onUse: { attribute: false },
    models: { state: true },
    written: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.models = [];
    this.written = null;
    this.busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    notices.attempt(async () => {
      const [{ items }] = await Promise.all([api.get('/api/chats/models'), loadMessages('chat')]);
      this.models = items;
    });
  }

  render() {
    const present = draft.value(this.field);
    if (!this.models.length || !present.trim()) return nothing;
    return html`
      <section class="prompt-help" aria-label=${t('chat.help')}>
        <h3>${t('chat.help')}</h3>
        <div class="chips">
          ${TASKS.map(
            (task) => html`<button type="button" ?disabled=${this.busy} @click=${() => this.#ask(task, present)}>
              ${t(`chat.help.${task}`)}
            </button>`,
          )}
        </div>
        <p class="unseen" role="status" aria-live="polite">${this.busy ? t('chat.isWriting') : ''}</p>
        ${this.written === null
          ? nothing
          : html`<textarea
                rows="5"
                aria-label=${t('chat.help.written')}
                .value=${this.written}
                @input=${({ target }) => (this.written = target.value)}
              ></textarea>
              <div class="dialog-actions">
                <button type="button" class="primary" @click=${() => this.onUse(this.written)}>${t('chat.help.use')}</button>
              </div>`}
      </section>
    `;
  }

  async #ask(task, text) {
    this.busy = true;
    await notices.attempt(async () => {
      const into = { language: LANGUAGES[language] };
      this.written = (await assist({ task, text, ...into })).text;
    });
    this.busy = false;
  }
}

customElements.define('prompt-help', PromptHelp);
