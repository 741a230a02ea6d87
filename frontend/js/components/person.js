import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { agoText } from '../core/format.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { limitFields, quotaBars } from './quota.js';

/**
 * What the owner sees and sets of one person beyond their name and role.
 *
 * @param user as `/api/users` has them
 * @param keys theirs
 * @param usual what their role may use up
 * @param change (action) runs it and shows what came of it
 */
export function personDetails({ user, keys, usual, change }) {
  const signOut = () =>
    change(async () => {
      await api.remove(`/api/users/${user.id}/sessions`);
      notices.say(t('access.signedOut', { name: user.name }));
    });
  const isOwner = user.role === 'owner';
  return html`
    <details class="person">
      <summary>${t('access.details')}<span class="unseen">: ${user.name}</span></summary>
      ${quotaBars(user.quota)}
      ${isOwner || !usual
        ? nothing
        : limitFields(user.quota, usual, (name, value) =>
            change(() => api.patch(`/api/users/${user.id}/quota`, { [name]: value })),
          )}
      <h3>${t('access.keys')}</h3>
      ${keys.length ? nothing : html`<p class="hint">${t('people.noKeys')}</p>`}
      <ul class="person-keys">
        ${keys.map((key) => html`<li>${keyWords(key)}${revoke(key, change)}</li>`)}
      </ul>
      ${isOwner ? nothing : html`<button @click=${signOut}>${t('access.signOut')}</button>`}
    </details>
  `;
}

const revoke = (key, change) => html`
  <button aria-label=${t('access.revoke', { name: key.name })} @click=${() => change(() => api.remove(`/api/keys/${key.id}`))}>
    ${t('people.revoke')}
  </button>
`;

/** A key in words: what it is called, may, and when it was used and ends. */
export function keyWords(key) {
  const facts = [
    key.scopes.join(', '),
    key.requests_per_minute && t('access.perMinute', { count: key.requests_per_minute }),
    key.expires_at && t('access.ends', { time: agoText(key.expires_at) }),
    key.last_used_at ? t('people.used', { time: agoText(key.last_used_at) }) : t('access.unused'),
  ];
  return html`
    <div class="row-words">
      <span class="row-title">${key.name}</span>
      <span class="hint">${facts.filter(Boolean).join(' · ')}</span>
    </div>
  `;
}
