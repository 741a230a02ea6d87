import { Element, html } from '../../core/element.js';
import { t } from '../../core/messages.js';
import { draft } from '../../models/draft.js';
import { preferences } from '../../models/preferences.js';
import { areaField, numberField, selectField } from '../field.js';

const NUMBERS = {
  width: { min: 16, max: 16_384 },
  height: { min: 16, max: 16_384 },
  steps: { min: 1, max: 10_000 },
  cfg: { min: 0, max: 100, step: 0.1 },
  count: { min: 1, max: 100 },
};

/** What a new picture begins with. */
class SettingsDefaults extends Element {
  constructor() {
    super();
    this.watch(preferences, draft);
  }

  connectedCallback() {
    super.connectedCallback();
    if (!draft.workflow) draft.load();
  }

  render() {
    const values = preferences.values.defaults;
    const set = (name) => (value) => preferences.set('defaults', { [name]: value });
    const names = (draft.field('checkpoint')?.options ?? []).map(({ value }) => value);
    const kept = values.checkpoint && !names.includes(values.checkpoint) ? [values.checkpoint] : [];
    return html`
      <section class="card">
        <p class="hint">${t('settings.defaultsHelp')}</p>
        ${selectField({
          label: t('settings.default.checkpoint'),
          value: values.checkpoint ?? '',
          options: [
            { value: '', label: t('settings.firstModel') },
            ...[...kept, ...names].map((name) => ({ value: name, label: name })),
          ],
          onChange: (value) => set('checkpoint')(value || null),
        })}
        ${areaField({
          label: t('settings.default.negative'),
          value: values.negative ?? '',
          maxlength: 10_000,
          onChange: set('negative'),
        })}
        <div class="fields">
          ${Object.entries(NUMBERS).map(([name, limits]) =>
            numberField({
              label: t(`settings.default.${name}`),
              value: values[name],
              help: name === 'cfg' ? t('settings.cfgHelp') : '',
              hint: t('settings.ofModel'),
              ...limits,
              onChange: (value) => set(name)(name === 'count' ? (value ?? 1) : value),
            }),
          )}
        </div>
      </section>
    `;
  }
}

customElements.define('settings-defaults', SettingsDefaults);
