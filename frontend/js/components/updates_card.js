import { Element, html, nothing } from '../core/element.js';
import { agoText, dateText } from '../core/format.js';
import { explain, t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { updates } from '../models/updates.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';
import { changes } from './system/changes.js';

const LOOK_MS = 1500;

/** Which version runs, which one there is, what is being done about it, and the way back. */
class UpdatesCard extends Element {
  constructor() {
    super();
    this.isChecking = false;
    this.watch(updates);
  }

  connectedCallback() {
    super.connectedCallback();
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** While something goes on it is asked for again, also while Studio itself starts again. */
  async #look() {
    clearTimeout(this.timer);
    const isReached = await updates.look();
    const isOver = isReached && !updates.status.work && !updates.status.trial;
    clearTimeout(this.timer);
    if (this.isConnected && !isOver) this.timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  async #check() {
    this.isChecking = true;
    this.requestUpdate();
    await notices.attempt(() => updates.check());
    this.isChecking = false;
    this.requestUpdate();
  }

  #begin(change, body) {
    return notices.attempt(async () => {
      await updates.begin(change, body);
      this.#look();
    });
  }

  render() {
    const { status } = updates;
    if (!status) return nothing;
    const { installed, work, trial } = status;
    return html`
      <section class="card updates" aria-labelledby="updates-title">
        <header class="view-head">
          <h2 id="updates-title">${t('system.updates')}</h2>
          ${status.repository
            ? html`<button ?disabled=${Boolean(this.isChecking || work || trial)} @click=${() => this.#check()}>
                ${icon('again')}${t(this.isChecking ? 'system.updateChecking' : 'system.updateCheck')}
              </button>`
            : nothing}
        </header>
        <p>
          ${t('system.updateRuns', { version: installed.version })}
          ${installed.commit ? html`<code>${installed.commit.slice(0, 12)}</code>` : nothing}
          ${status.checked_at ? html`<span class="hint">${t('system.updateChecked', { ago: agoText(status.checked_at) })}</span>` : nothing}
        </p>
        ${status.managed ? nothing : html`<p class="hint">${t('system.updateClone')} <code>git pull</code></p>`}
        <div role="status">${work ? this.#progress(work) : trial ? this.#trial(trial) : nothing}</div>
        ${this.#trouble()} ${work || trial ? nothing : this.#offers()}
      </section>
    `;
  }

  #progress({ step, steps, subject }) {
    const place = Math.max(0, steps.indexOf(step));
    return html`
      <p>${t('system.updateDoing', { subject })} ${step ? t(`system.updateStep.${step}`) : nothing}</p>
      <progress max=${steps.length} value=${place + 1} aria-label=${t('system.updates')}></progress>
    `;
  }

  #trial({ release, failing }) {
    return html`
      <p>${t('system.updateTrial', { release })}</p>
      ${failing ? html`<p class="error-text">${failing}</p>` : nothing}
      <progress aria-label=${t('system.updates')}></progress>
    `;
  }

  #trouble() {
    const { rolled_back: left, failure, check_error: unreachable } = updates.status;
    const text = left
      ? t('news.rolledBack', { release: left.release, at: dateText(left.at) })
      : failure && t('news.failed');
    return html`
      ${text
        ? html`<div class="banner is-warning" role="alert">
            ${icon('warning')}<span><strong>${text}</strong> ${left?.why ?? failure.message}</span>
            <button class="bare" @click=${() => notices.attempt(() => updates.dismiss())} aria-label=${t('shell.close')}>${icon('close')}</button>
          </div>`
        : nothing}
      ${unreachable ? html`<p class="error-text">${explain(unreachable)}</p>` : nothing}
    `;
  }

  #offers() {
    const { available, image, previous, checked_at: checked, check_error: failed } = updates.status;
    return html`
      ${available ? this.#available(available) : checked && !failed ? html`<p>${t('system.updateNone')}</p>` : nothing}
      ${image?.is_newer || previous ? this.#others(image, previous) : nothing}
    `;
  }

  /** What there is without the repository. */
  #others(image, previous) {
    return html`
      <div class="inline-buttons">
        ${image?.is_newer
          ? html`<button @click=${() => this.#begin('image')}>
              ${icon('download')}${t('system.updateImage', { version: image.version })}
            </button>`
          : nothing}
        ${previous
          ? html`<button @click=${() => this.#back(previous)}>
              ${icon('left')}${t('system.updateBack', { version: previous.version ?? previous.release })}
            </button>`
          : nothing}
      </div>
    `;
  }

  #available(found) {
    const { refused } = found;
    const isForbidden = refused && refused.details?.reason !== 'downgrade';
    return html`
      <h3>${t('system.updateFound', { version: found.version })}</h3>
      <p class="hint">
        ${found.ref} · <code>${found.commit.slice(0, 12)}</code> · ${dateText(found.committed_at)} ·
        ${t(`system.updateTrust.${found.trust}`)}
      </p>
      <dl class="versions">
        ${found.components.map(
          ({ name, from, to }) => html`<div>
            <dt>${t(`system.component.${name}`)}</dt>
            <dd>${from === to ? to : html`${from ?? '–'} → <strong>${to}</strong>`}</dd>
          </div>`,
        )}
      </dl>
      ${found.changes ? html`<div class="changes" role="region" aria-label=${t('system.updateChanges')} tabindex="0">${changes(found.changes)}</div>` : nothing}
      ${refused ? html`<p class="error-text">${explain(refused)}</p>` : nothing}
      ${isForbidden
        ? nothing
        : html`<div class="inline-buttons">
            <button class="primary" @click=${() => this.#install(found)}>
              ${icon('download')}${t(found.is_older ? 'system.updateOlder' : 'system.updateInstall')}
            </button>
          </div>`}
    `;
  }

  async #install({ commit, version, is_older: isOlder, trust }) {
    const isUnsigned = trust === 'unsigned';
    const question = t(isOlder ? 'system.updateOlderAsk' : 'system.updateAsk', { version });
    const warning = isUnsigned ? t('system.updateUnsignedAsk') : '';
    if (await sure(question, warning))
      await this.#begin('apply', { commit, allow_downgrade: isOlder, allow_unsigned: isUnsigned });
  }

  async #back({ version, release }) {
    if (await sure(t('system.updateBackAsk', { version: version ?? release }))) await this.#begin('back');
  }
}

function sure(question, warning = '') {
  const { closed } = openDialog({
    label: t('system.updates'),
    content: (close) => html`
      <h2>${t('system.updates')}</h2>
      <p>${question}</p>
      ${warning ? html`<p class="error-text">${warning}</p>` : nothing}
      <div class="dialog-actions">
        <button @click=${() => close(false)}>${t('shell.cancel')}</button>
        <button class="primary" @click=${() => close(true)}>${t('system.updateGo')}</button>
      </div>
    `,
  });
  return closed;
}

customElements.define('updates-card', UpdatesCard);
