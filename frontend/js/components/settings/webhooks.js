import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { agoText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { openDialog } from '../dialog.js';
import { icon } from '../icons.js';
import '../menu.js';
import { ListElement, onceShown } from '../list.js';
import { reasonText } from './webhook_deliveries.js';
import './webhook_form.js';

/* What is looked at again while a delivery is under way. */
const LOOK_MS = 700;
const MOST_LOOKS = 40;

/** Who is told what happens, and what became of each message. */
class SettingsWebhooks extends ListElement {
  constructor() {
    super();
    this.events = { own: [], system: [] };
    this.opened = new Set();
    this.tests = {};
    /** A secret that was just made, and of what. */
    this.shown = null;
  }

  async load() {
    const { webhooks, events } = await api.get('/api/webhooks');
    this.events = events;
    return webhooks;
  }

  render() {
    return html`
      <section class="card webhooks">
        <p class="hint">${t('webhooks.help')}</p>
        <div class="inline-buttons">
          <button class="primary" ?disabled=${!this.items} @click=${() => this.#edit(null)}>
            ${icon('plus')}${t('webhooks.add')}
          </button>
          <button @click=${() => this.#jobSecret()}>${icon('key')}${t('webhooks.jobSecret')}</button>
        </div>
        ${onceShown(this.shown?.secret, this.shown ? t('webhooks.secretOnce', { name: this.shown.name }) : '')}
        ${this.items?.length === 0 ? html`<p class="hint">${t('webhooks.none')}</p>` : nothing}
        ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  #row(item) {
    const path = `/api/webhooks/${item.id}`;
    const name = labelOf(item);
    const isOff = Boolean(item.disabled_at);
    const patch = (values) => this.change(() => api.patch(path, values));
    const isOpen = this.opened.has(item.id);
    return html`
      <article class="webhook" aria-label=${name}>
        <div class="webhook-words">
          <span class="row-title">${name}</span>
          <span class="webhook-state ${stateOf(item)}">${stateText(item)}</span>
        </div>
        ${item.url ? html`<code class="webhook-url">${item.url}</code>` : html`<p class="hint">${t('webhooks.jobsHelp')}</p>`}
        <p class="hint">${factsOf(item).join(' · ')}</p>
        <div class="inline-buttons">
          ${item.kind !== 'jobs' && !isOff && !item.paused_at
            ? html`<button @click=${() => this.#test(item)}>${icon('check')}${t('webhooks.test')}</button>`
            : nothing}
          ${isOff
            ? html`<button class="primary" @click=${() => patch({ enabled: true })}>${icon('play')}${t('webhooks.enable')}</button>`
            : html`<button @click=${() => patch({ paused: !item.paused_at })}>
                ${icon(item.paused_at ? 'play' : 'pause')}${t(item.paused_at ? 'webhooks.goOn' : 'webhooks.pause')}
              </button>`}
          ${item.kind === 'jobs'
            ? nothing
            : html`<menu-button
                label=${t('webhooks.menuOf', { name })}
                .items=${[
                  { label: t('webhooks.edit'), icon: 'use', run: () => this.#edit(item) },
                  { label: t('webhooks.newSecret'), icon: 'key', run: () => this.#newSecret(item) },
                  { label: t('shell.remove'), icon: 'remove', run: () => this.#remove(item) },
                ]}
              ></menu-button>`}
        </div>
        <p class="hint" role="status">${this.tests[item.id] ?? ''}</p>
        <details ?open=${isOpen} @toggle=${({ target }) => this.#toggle(item.id, target.open)}>
          <summary>${t('webhooks.deliveries')}</summary>
          ${isOpen
            ? html`<webhook-deliveries
                .webhook=${item}
                .onSent=${() => this.reload()}
              ></webhook-deliveries>`
            : nothing}
        </details>
      </article>
    `;
  }

  #toggle(id, isOpen) {
    if (isOpen) this.opened.add(id);
    else this.opened.delete(id);
    this.requestUpdate();
  }

  #edit(webhook) {
    const { closed } = openDialog({
      label: t(webhook ? 'webhooks.edit' : 'webhooks.add'),
      className: 'webhook-dialog',
      content: (close) => html`<webhook-form .webhook=${webhook} .events=${this.events} .onDone=${close}></webhook-form>`,
    });
    return closed.then(async (saved) => {
      if (saved?.secret) this.shown = { name: labelOf(saved), secret: saved.secret };
      if (saved) await this.reload();
    });
  }

  #newSecret(item) {
    return this.change(async () => {
      const { secret } = await api.post(`/api/webhooks/${item.id}/secret`);
      this.shown = { name: labelOf(item), secret };
    });
  }

  #jobSecret() {
    return this.change(async () => {
      const made = await api.post('/api/webhooks/job-secret');
      this.shown = { name: labelOf(made), secret: made.secret };
    });
  }

  #remove(item) {
    const { closed } = openDialog({
      label: t('webhooks.removeTitle'),
      content: (close) => html`
        <h2>${t('webhooks.removeTitle')}</h2>
        <p>${t('webhooks.removeHelp', { name: labelOf(item) })}</p>
        <div class="dialog-actions">
          <button autofocus @click=${() => close(false)}>${t('shell.cancel')}</button>
          <button class="primary" @click=${() => close(true)}>${t('shell.remove')}</button>
        </div>
      `,
    });
    return closed.then((isSure) => isSure && this.change(() => api.remove(`/api/webhooks/${item.id}`)));
  }

  async #test(item) {
    const say = (text) => {
      this.tests = { ...this.tests, [item.id]: text };
      this.requestUpdate();
    };
    say(t('webhooks.testing'));
    await notices.attempt(async () => {
      try {
        let sent = await api.post(`/api/webhooks/${item.id}/test`);
        for (let look = 0; sent.state === 'waiting' && look < MOST_LOOKS; look += 1) {
          await new Promise((done) => setTimeout(done, LOOK_MS));
          sent = await api.get(`/api/webhooks/${item.id}/deliveries/${sent.id}`);
        }
        if (sent.state === 'delivered') say(t('webhooks.testOk', { status: String(sent.status) }));
        else if (sent.state === 'waiting') say(t('webhooks.testWaits'));
        else say(t('webhooks.testFailed', { reason: reasonText(sent) }));
      } catch (error) {
        say('');
        throw error;
      }
    });
    await this.reload();
  }
}

/** How a webhook is called: by its name, else by where it leads. */
export function labelOf({ kind, name, url }) {
  if (kind === 'jobs') return t('webhooks.singleJobs');
  return name || new URL(url).host;
}

function stateOf({ disabled_at, paused_at, failing_since }) {
  if (disabled_at) return 'is-off';
  if (paused_at) return 'is-paused';
  return failing_since ? 'is-failing' : 'is-fine';
}

function stateText(item) {
  if (item.disabled_at) return t(`webhooks.disabled.${item.disabled_reason}`);
  if (item.paused_at) return t('webhooks.paused');
  return item.failing_since ? t('webhooks.failing', { time: agoText(item.failing_since) }) : t('webhooks.active');
}

function factsOf(item) {
  return [
    item.user_id === session.user?.id ? '' : item.user_name,
    item.kind === 'system' ? t('webhooks.ofSystem') : '',
    item.events.join(', '),
    item.waiting ? t('webhooks.waitingCount', { count: item.waiting }) : '',
    item.failed ? t('webhooks.failedCount', { count: item.failed }) : '',
    item.succeeded_at ? t('webhooks.last', { time: agoText(item.succeeded_at) }) : '',
  ].filter(Boolean);
}

customElements.define('settings-webhooks', SettingsWebhooks);
