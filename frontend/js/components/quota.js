import { html, live, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { sizeText } from '../core/format.js';
import { language, t } from '../core/messages.js';
import { ListElement } from './list.js';

const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/* What people may use up: how a value reads, what one of the unit is that is typed, what comes first. */
const QUOTAS = {
  jobs: { unit: 1, first: 100, text: (value) => number.format(value) },
  gpu_seconds: {
    unit: 60,
    first: 1800,
    text: (value) =>
      value > 0 && value < 120
        ? t('shell.time.seconds', { count: Math.round(value) })
        : t('access.minutes', { count: Math.round(value / 60), value: number.format(value / 60) }),
  },
  disk_bytes: { unit: 1e9, first: 10e9, text: sizeText },
};
export const NAMES = Object.keys(QUOTAS);

const limitText = (name, limit) => (limit === null ? t('access.none') : QUOTAS[name].text(limit));

/** How somebody stands with each of their quotas, as bars. */
export function quotaBars(quota) {
  return html`
    <ul class="quota-bars">
      ${NAMES.map((name) => {
        const { used, limit } = quota[name];
        const spent = QUOTAS[name].text(used);
        const words =
          limit === null
            ? t('access.usedFreely', { used: spent })
            : t('access.usedOf', { used: spent, limit: limitText(name, limit) });
        const label = t(`access.quota.${name}`);
        return html`
          <li class=${limit !== null && used >= limit ? 'is-full' : ''}>
            <span>${label}</span><span class="hint">${words}</span>
            ${limit === null
              ? nothing
              : html`<progress max=${Math.max(limit, 1)} .value=${limit ? Math.min(used, limit) : 1} aria-label="${label}: ${words}"></progress>`}
          </li>
        `;
      })}
    </ul>
  `;
}

/**
 * The limits of a person or of a role, to be changed.
 *
 * @param limits by quota {limit, own}; `own` is false while it follows the role
 * @param usual by quota what the role has, or null where nothing is followed
 * @param onChange (name, value) a number, 'none', or null to follow the role again
 */
export function limitFields(limits, usual, onChange) {
  return html`
    <div class="limit-fields">
      ${NAMES.map((name) => {
        const { limit, own } = limits[name];
        const { unit, first } = QUOTAS[name];
        const kind = usual && !own ? 'usual' : limit === null ? 'none' : 'own';
        const label = t(`access.limit.${name}`);
        const chosen = ({ target }) =>
          onChange(name, { usual: null, none: 'none', own: limit ?? usual?.[name] ?? first }[target.value]);
        const typed = ({ target }) =>
          target.reportValidity() && target.value !== '' && onChange(name, Math.round(Number(target.value) * unit));
        return html`
          <div class="field">
            <span>${label}</span>
            <span class="limit">
              <select aria-label=${label} @change=${chosen}>
                ${usual
                  ? html`<option value="usual" .selected=${live(kind === 'usual')}>
                      ${t('access.likeRole', { limit: limitText(name, usual[name]) })}
                    </option>`
                  : nothing}
                <option value="own" .selected=${live(kind === 'own')}>${t('access.atMost')}</option>
                <option value="none" .selected=${live(kind === 'none')}>${t('access.none')}</option>
              </select>
              ${kind === 'own'
                ? html`<input
                    type="number"
                    inputmode="decimal"
                    min="0"
                    max="1000000"
                    step=${unit === 1 ? 1 : 'any'}
                    aria-label=${t('access.number', { name: label })}
                    .value=${live(String(Math.round((limit / unit) * 1000) / 1000))}
                    @change=${typed}
                  />`
                : nothing}
            </span>
          </div>
        `;
      })}
    </div>
  `;
}

/** One's own. */
class AccountQuota extends ListElement {
  async load() {
    return (await api.get('/api/me/quota')).quota;
  }

  render() {
    if (!this.items) return nothing;
    return html`<section class="card"><h2>${t('access.yours')}</h2>${quotaBars(this.items)}</section>`;
  }
}

/** What members and guests may use up who were given nothing else. */
class PeopleLimits extends ListElement {
  async load() {
    return Object.entries((await api.get('/api/quotas')).roles);
  }

  render() {
    return html`
      <section class="card">
        <h2>${t('access.byRole')}</h2>
        <p class="hint">${t('access.byRoleHelp')}</p>
        ${(this.items ?? []).map(
          ([role, limits]) => html`
            <details>
              <summary>${t(`people.roles.${role}`)}</summary>
              ${limitFields(
                Object.fromEntries(NAMES.map((name) => [name, { limit: limits[name], own: true }])),
                null,
                (name, value) => this.#set(role, name, value),
              )}
            </details>
          `,
        )}
      </section>
    `;
  }

  async #set(role, name, value) {
    await this.change(() => api.patch(`/api/quotas/${role}`, { [name]: value }));
    this.dispatchEvent(new Event('limits', { bubbles: true }));
  }
}

customElements.define('account-quota', AccountQuota);
customElements.define('people-limits', PeopleLimits);
