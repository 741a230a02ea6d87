import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { t } from '../../core/messages.js';
import { numberField, switchField } from '../field.js';
import { icon } from '../icons.js';
import { ListElement } from '../list.js';

/** Limits, addresses and folders: what of them can be set here, and what the environment says. */
class SettingsServer extends ListElement {
  async load() {
    return (await api.get('/api/settings')).groups.filter(({ id }) => id !== 'tokens');
  }

  render() {
    if (this.missing) return html`<section class="card">${this.rows(() => nothing)}</section>`;
    const isPending = this.items?.some(({ items }) => items.some(({ pending }) => pending));
    return html`
      ${isPending
        ? html`<p class="banner is-note" role="status">${icon('again')}<span>${t('settings.pending')}</span></p>`
        : nothing}
      ${(this.items ?? []).map(
        ({ id, items }) => html`
          <section class="card">
            <h2>${t(`settings.groups.${id}`)}</h2>
            <ul class="rows">
              ${items.map((item) => html`<li class="row">${this.#row(id, item)}</li>`)}
            </ul>
          </section>
        `,
      )}
    `;
  }

  #row(group, item) {
    const origin = t(`settings.sources.${item.source}`);
    if (item.kind === 'switch') {
      return switchField({
        label: html`${t(`settings.${group}.${item.key}`)} <code>${item.key}</code>`,
        help: `${t(`settings.${group}.${item.key}.help`)} ${origin}`,
        checked: item.value,
        disabled: !item.editable,
        onChange: (value) => this.#set(item, value),
      });
    }
    if (!item.editable) {
      return html`
        <div class="row-words field">
          <span>${t(`settings.${group}.${item.key}`)} <code>${item.key}</code></span>
          <span class="setting-value">${item.value ?? t('settings.unset')}</span>
          <small>${group === 'limits' ? `${origin}; ${t('settings.startOnly')}` : origin}</small>
        </div>
      `;
    }
    return html`
      <div class="row-words">
        ${numberField({
          label: html`${t(`settings.${group}.${item.key}`)} <code>${item.key}</code>`,
          help: item.pending ? t('settings.pendingOne') : origin,
          value: item.value,
          hint: String(item.default),
          min: item.min,
          max: item.max,
          onChange: (value) => this.#set(item, value),
        })}
      </div>
      ${item.source === 'stored'
        ? html`<button class="bare" aria-label=${t('settings.resetOf', { key: item.key })} title=${t('settings.resetOf', { key: item.key })} @click=${() => this.#set(item, null)}>
            ${icon('again')}
          </button>`
        : nothing}
    `;
  }

  #set({ key }, value) {
    const path = `/api/settings/${key}`;
    return this.change(() => (value === null ? api.remove(path) : api.put(path, { value })));
  }
}

customElements.define('settings-server', SettingsServer);
