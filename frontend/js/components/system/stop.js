import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { keepLooking } from '../../core/looking.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { icon } from '../icons.js';

const PATH = '/api/system/prepare-stop';
const LOOK_MS = 1000;
const IDLE = 'none';
const WAITING = ['downloads', 'jobs'];
const SAFE = 'safe';
const FAILED = 'failed';

/** Gets Studio ready for a machine that is about to be taken away, and says when it is. */
class SystemStop extends Element {
  constructor() {
    super();
    this.stop = null;
    keepLooking(this, LOOK_MS, () => this.#look());
  }

  async #look() {
    const { changes } = this;
    try {
      const stop = await api.get(PATH);
      // What was pressed meanwhile is newer.
      if (changes === this.changes) this.stop = stop;
    } catch {
      // The view itself says that Studio cannot be reached.
    }
    this.requestUpdate();
  }

  #change(action) {
    this.changes = {};
    return notices.attempt(async () => {
      this.stop = await action();
      this.requestUpdate();
    });
  }

  render() {
    const { stop } = this;
    const isIdle = !stop || stop.phase === IDLE;
    return html`
      <section class="card stop">
        <h2>${t('system.stop')}</h2>
        <p class="hint">${t('system.stopHelp')}</p>
        ${isIdle ? nothing : this.#progress(stop)}
        <div class="inline-buttons">
          ${isIdle
            ? html`
                <button ?disabled=${!stop} @click=${() => this.#begin(true)}>${icon('pause')}${t('system.stopBegin')}</button>
                <button class="bare" ?disabled=${!stop} @click=${() => this.#begin(false)}>${t('system.stopHurry')}</button>
              `
            : html`
                <button @click=${() => this.#change(() => api.remove(PATH))}>${icon('again')}${t('system.stopTakeBack')}</button>
                ${stop.wait && WAITING.includes(stop.phase)
                  ? html`<button class="bare" @click=${() => this.#begin(false)}>${t('system.stopNoWait')}</button>`
                  : nothing}
              `}
        </div>
      </section>
    `;
  }

  #begin(wait) {
    return this.#change(() => api.post(PATH, { wait }));
  }

  #progress({ phase, reason, jobs_inside: jobs, waits_for: waitsFor, wait }) {
    const words = {
      downloads: () => t('system.stopDownloads'),
      jobs: () => (wait ? t('system.stopJobs', { count: jobs }) : t('system.stopSaving')),
      saving: () => t('system.stopSaving'),
      safe: () => t('system.stopSafe'),
      failed: () => t('system.stopFailed', { reason }),
    };
    const look = phase === SAFE ? 'is-good' : phase === FAILED ? 'is-bad' : 'is-calm';
    return html`
      <p class="state ${look}" role="status">${words[phase]()}</p>
      ${waitsFor.length
        ? html`
            <ul class="hint">
              ${waitsFor.map(({ job, engine }) => html`<li>${engine ? t('system.stopWaitsFor', { job, engine }) : t('system.stopWaitsSent', { job })}</li>`)}
            </ul>
          `
        : nothing}
    `;
  }
}

customElements.define('system-stop', SystemStop);
