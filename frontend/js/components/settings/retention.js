import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { numberField, switchField } from '../field.js';
import { errorText, FormElement } from '../form.js';
import { icon } from '../icons.js';

const LIMITS = {
  trash_days: { min: 0, max: 3650 },
  max_age_days: { min: 1, max: 36_500 },
  max_count: { min: 1, max: 10_000_000 },
  min_free_gb: { min: 1, max: 100_000 },
};

/** What the library throws away by itself. Nothing counts before it is saved, and it can be tried. */
class SettingsRetention extends FormElement {
  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    try {
      this.rules = await api.get('/api/library/rules');
      this.missing = null;
    } catch (error) {
      this.missing = error;
    }
    this.requestUpdate();
  }

  render() {
    const { rules } = this;
    if (this.missing) return html`<section class="card">${errorText(this.missing)}</section>`;
    if (!rules) return nothing;
    const set = (name) => (value) => this.#change({ [name]: value });
    return html`
      <form class="card" @submit=${(event) => this.submitted(event, () => this.#save())}>
        <p class="hint">${t('settings.retentionHelp')}</p>
        <div class="fields">
          ${Object.entries(LIMITS).map(([name, limits]) =>
            numberField({
              label: t(`settings.rules.${name}`),
              value: rules[name],
              hint: name === 'trash_days' ? '30' : t('settings.noRule'),
              ...limits,
              onChange: (value) => set(name)(name === 'trash_days' ? (value ?? 30) : value),
            }),
          )}
        </div>
        ${switchField({
          label: t('settings.rules.spare_favourites'),
          checked: rules.spare_favourites,
          onChange: set('spare_favourites'),
        })}
        ${switchField({
          label: t('settings.rules.spare_boards'),
          checked: rules.spare_boards,
          onChange: set('spare_boards'),
        })}
        ${this.problem()}
        <p class="hint" role="status">${this.preview ? previewText(this.preview) : ''}</p>
        <div class="inline-buttons">
          <button class="primary" ?disabled=${this.busy}>${t('settings.save')}</button>
          <button type="button" @click=${() => this.#try()}>${icon('search')}${t('settings.preview')}</button>
        </div>
      </form>
    `;
  }

  #change(some) {
    this.rules = { ...this.rules, ...some };
    this.preview = null;
    this.requestUpdate();
  }

  async #try() {
    await notices.attempt(async () => {
      this.preview = await api.post('/api/library/rules/preview', this.rules);
    });
    this.requestUpdate();
  }

  async #save() {
    this.rules = await api.put('/api/library/rules', this.rules);
    notices.say(t('settings.saved'));
  }
}

function previewText({ trash, purge }) {
  const told = (found) => ({ count: found.count, size: sizeText(found.size_bytes) });
  return `${t('settings.wouldTrash', told(trash))} ${t('settings.wouldPurge', told(purge))}`;
}

customElements.define('settings-retention', SettingsRetention);
