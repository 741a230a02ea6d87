import { html, nothing } from '../../core/element.js';
import { address, api } from '../../core/api.js';
import { agoText, dateText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { icon } from '../icons.js';
import { ListElement } from '../list.js';

const PAGE = 20;
const STATES = ['', 'waiting', 'delivered', 'failed'];

/** What was sent to one webhook, newest first; each with its attempts once it is opened. */
class WebhookDeliveries extends ListElement {
  static properties = {
    webhook: { attribute: false },
    onSent: { attribute: false },
  };

  constructor() {
    super();
    this.state = '';
    this.cursor = null;
    /** Bodies and attempts of those that were opened, by id. */
    this.whole = new Map();
  }

  #path(more = '') {
    return `/api/webhooks/${this.webhook.id}/deliveries${more}`;
  }

  async load() {
    const page = await api.get(address(this.#path(), { state: this.state, limit: PAGE }));
    this.cursor = page.next_cursor;
    await Promise.all([...this.whole.keys()].map((id) => this.#look(id).catch(() => this.whole.delete(id))));
    return page.deliveries;
  }

  render() {
    return html`
      <div class="inline-buttons">
        <select
          aria-label=${t('webhooks.show')}
          @change=${({ target }) => {
            this.state = target.value;
            this.reload();
          }}
        >
          ${STATES.map((state) => html`<option value=${state}>${t(`webhooks.states.${state || 'all'}`)}</option>`)}
        </select>
        <button @click=${() => this.reload()}>${icon('again')}${t('webhooks.refresh')}</button>
        ${this.webhook.failed && !this.webhook.disabled_at
          ? html`<button @click=${() => this.#resendFailed()}>${t('webhooks.resendFailed')}</button>`
          : nothing}
      </div>
      ${this.items?.length === 0 ? html`<p class="hint">${t('webhooks.noDeliveries')}</p>` : nothing}
      ${this.rows((item) => this.#row(item))}
      ${this.cursor ? html`<button @click=${() => this.#more()}>${t('webhooks.older')}</button>` : nothing}
    `;
  }

  #row(item) {
    const facts = [
      agoText(item.created_at),
      item.attempts ? t('webhooks.attempts', { count: item.attempts }) : '',
      item.state === 'delivered' ? '' : reasonText(item),
      item.next_at && item.attempts ? t('webhooks.next', { time: dateText(item.next_at) }) : '',
    ];
    const whole = this.whole.get(item.id);
    return html`
      <details class="delivery" @toggle=${({ target }) => this.#toggle(item.id, target.open)}>
        <summary>
          <span class="delivery-words">
            <code>${item.type}</code>
            <span class="webhook-state is-${item.state}">${t(`webhooks.states.${item.state}`)}</span>
          </span>
          <span class="hint">${facts.filter(Boolean).join(' · ')}</span>
        </summary>
        ${whole ? this.#whole(whole) : nothing}
      </details>
    `;
  }

  #whole(item) {
    return html`
      <div class="delivery-whole">
        <p class="hint">${item.id}${this.webhook.kind === 'jobs' ? html` · <code class="webhook-url">${item.url}</code>` : nothing}</p>
        ${item.log.length
          ? html`<ol class="attempts">
              ${item.log.map(
                (attempt) => html`<li>
                  <span>${[dateText(attempt.at), attempt.status ?? reasonText(attempt), t('webhooks.took', { ms: attempt.duration_ms })].join(' · ')}</span>
                  ${attempt.answer ? html`<pre tabindex="0" aria-label=${t('webhooks.answer')}>${attempt.answer}</pre>` : nothing}
                </li>`,
              )}
            </ol>`
          : nothing}
        <pre tabindex="0" aria-label=${t('webhooks.body')}>${item.body}</pre>
        ${this.webhook.disabled_at
          ? nothing
          : html`<div class="inline-buttons">
              <button @click=${() => this.#resend(item.id)}>${icon('again')}${t('webhooks.resend')}</button>
            </div>`}
      </div>
    `;
  }

  async #look(id) {
    this.whole.set(id, await api.get(this.#path(`/${id}`)));
  }

  #toggle(id, isOpen) {
    if (!isOpen) {
      this.whole.delete(id);
      return undefined;
    }
    return notices.attempt(() => this.#look(id)).then(() => this.requestUpdate());
  }

  async #more() {
    await notices.attempt(async () => {
      const page = await api.get(address(this.#path(), { state: this.state, limit: PAGE, cursor: this.cursor }));
      this.items = [...this.items, ...page.deliveries];
      this.cursor = page.next_cursor;
    });
    this.requestUpdate();
  }

  async #resend(id) {
    await this.change(() => api.post(this.#path(`/${id}/resend`)).then(() => notices.say(t('webhooks.sending'))));
    await this.onSent();
  }

  async #resendFailed() {
    await this.change(async () => {
      const { count } = await api.post(`/api/webhooks/${this.webhook.id}/resend`, {});
      notices.say(t('webhooks.resending', { count }));
    });
    await this.onSent();
  }
}

/** Why an attempt was no success. */
export function reasonText({ status, error }) {
  if (error === 'status') return t('webhooks.reasons.status', { status: String(status) });
  return error ? t(`webhooks.reasons.${error}`) : '';
}

customElements.define('webhook-deliveries', WebhookDeliveries);
