import { html, nothing } from '../../core/element.js';
import { api, ApiError } from '../../core/api.js';
import { t } from '../../core/messages.js';
import { session } from '../../models/session.js';
import { FormElement } from '../form.js';

/* What most programs want to hear. */
const USUAL = ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'];

/** A new webhook, or another address, name and choice of events for one that there is. */
class WebhookForm extends FormElement {
  static properties = {
    webhook: { attribute: false },
    events: { attribute: false },
    onDone: { attribute: false },
    isSystem: { state: true },
  };

  connectedCallback() {
    super.connectedCallback();
    this.isSystem = this.webhook?.kind === 'system';
    this.chosen = new Set(this.webhook ? matching(this.webhook.events, this.#known()) : USUAL);
  }

  #known() {
    return this.isSystem ? this.events.system : this.events.own;
  }

  render() {
    const { webhook } = this;
    return html`
      <form class="webhook-form" @submit=${(event) => this.submitted(event, (values) => this.#save(values))}>
        <h2>${t(webhook ? 'webhooks.edit' : 'webhooks.add')}</h2>
        <label class="field">
          <span>${t('webhooks.url')}</span>
          <input
            name="url"
            type="url"
            required
            maxlength="2000"
            autocomplete="off"
            .value=${webhook?.url ?? ''}
            autofocus
          />
          <small>${t('webhooks.urlHelp')}</small>
        </label>
        <label class="field">
          <span>${t('webhooks.name')}</span>
          <input name="name" maxlength="100" autocomplete="off" .value=${webhook?.name ?? ''} />
        </label>
        ${!webhook && session.isOwner && session.can('admin')
          ? html`<label class="check">
              <input type="checkbox" .checked=${this.isSystem} @change=${({ target }) => (this.isSystem = target.checked)} />
              <span>${t('webhooks.system')}</span>
            </label>`
          : nothing}
        ${[...groupsOf(this.#known())].map(([group, names]) => this.#group(group, names))}
        ${this.problem()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy}>${t(webhook ? 'webhooks.save' : 'webhooks.create')}</button>
        </div>
      </form>
    `;
  }

  #group(group, names) {
    const count = names.filter((name) => this.chosen.has(name)).length;
    const all = (isOn) => {
      names.forEach((name) => (isOn ? this.chosen.add(name) : this.chosen.delete(name)));
      this.requestUpdate();
    };
    return html`
      <fieldset>
        <legend>${t(`webhooks.groups.${group}`)}</legend>
        ${names.length > 1
          ? html`<label class="check">
              <input
                type="checkbox"
                .checked=${count === names.length}
                .indeterminate=${count > 0 && count < names.length}
                @change=${({ target }) => all(target.checked)}
              />
              <span>${t('webhooks.all')}</span>
            </label>`
          : nothing}
        ${names.map(
          (name) => html`<label class="check">
            <input
              type="checkbox"
              .checked=${this.chosen.has(name)}
              @change=${({ target }) => {
                if (target.checked) this.chosen.add(name);
                else this.chosen.delete(name);
                this.requestUpdate();
              }}
            />
            <span>${t(`webhooks.events.${name}`)} <code>${name}</code></span>
          </label>`,
        )}
      </fieldset>
    `;
  }

  async #save({ url, name }) {
    const events = this.#known().filter((each) => this.chosen.has(each));
    if (!events.length) throw new ApiError({ code: '', message: t('webhooks.noEvent') });
    const body = { url: url.trim(), name: name.trim(), events };
    const saved = this.webhook
      ? await api.patch(`/api/webhooks/${this.webhook.id}`, body)
      : await api.post('/api/webhooks', { ...body, system: this.isSystem });
    await this.onDone(saved);
  }
}

/** The types that these names stand for. */
function matching(patterns, known) {
  return known.filter(
    (name) => patterns.includes(name) || patterns.includes('*') || patterns.includes(`${name.split('.')[0]}.*`),
  );
}

/** Types by the noun that they begin with. */
function groupsOf(names) {
  const groups = new Map();
  for (const name of names) {
    const group = name.split('.')[0];
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return groups;
}

customElements.define('webhook-form', WebhookForm);
