import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { agoText, dateText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { session } from '../../models/session.js';
import { icon } from '../icons.js';
import { ListElement } from '../list.js';
import { openShare } from '../sharing.js';

const ICONS = { asset: 'library', board: 'board', preset: 'presets' };

/** The links that somebody gave out: how they stand, how often they are used; changed and withdrawn. */
class SettingsShares extends ListElement {
  async load() {
    return (await api.get('/api/share-links')).items;
  }

  render() {
    return html`
      <section class="card">
        <p class="hint">${t('sharing.listHelp')}</p>
        ${this.items?.length === 0 ? html`<p class="hint">${t('sharing.none')}</p>` : nothing}
        ${this.rows((item) => this.#row(item))}
      </section>
    `;
  }

  #row(item) {
    const isOpen = item.state === 'open';
    const when = isOpen ? t('sharing.until', { time: dateText(item.expires_at) }) : t(`sharing.state.${item.state}`);
    const uses = [
      t('sharing.opened', { count: item.opened }),
      item.kind === 'preset' ? t('sharing.runs', { count: item.runs }) : '',
      item.last_used_at ? t('sharing.used', { time: agoText(item.last_used_at) }) : '',
    ];
    const facts = [`${item.start}…`, item.has_password ? t('sharing.locked') : ''];
    return html`
      ${icon(ICONS[item.kind])}
      <div class="row-words">
        <span class="row-title">${item.label}</span>
        <span class="hint">${when}</span>
        <span class="hint">${uses.filter(Boolean).join(' · ')}</span>
        <small>${[...facts, session.isOwner ? item.user.name : ''].filter(Boolean).join(' · ')}</small>
      </div>
      ${item.state === 'revoked'
        ? nothing
        : html`<menu-button
            label=${t('sharing.menuOf', { name: item.label })}
            .items=${[
              { label: t('sharing.edit'), icon: 'use', run: () => this.#edit(item) },
              { label: t('sharing.revoke'), icon: 'remove', run: () => this.#revoke(item) },
            ]}
          ></menu-button>`}
    `;
  }

  async #edit(item) {
    await openShare({ kind: item.kind, target: item.target, name: item.label }, item);
    await this.reload();
  }

  #revoke(item) {
    return this.change(() => api.remove(`/api/share-links/${item.id}`));
  }
}

customElements.define('settings-shares', SettingsShares);
