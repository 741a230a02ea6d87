import { Element, html, nothing } from '../../core/element.js';
import { address, api, refusal } from '../../core/api.js';
import { dateText, sizeText } from '../../core/format.js';
import { has, t } from '../../core/messages.js';
import { kept } from '../../core/store.js';
import { notices } from '../../models/notices.js';
import { switchField } from '../field.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';

const PATH = '/api/system/backups';
const IMPORT = '/api/system/import';
const BACK_MS = 1000;
/** What the log-in looks for. */
const IMPORTED = 'imported';

/** The snapshots of the database, and everything as one file: out, and in again. */
class SystemBackups extends Element {
  constructor() {
    super();
    this.kept = null;
    this.error = null;
    this.staged = null;
    this.state = '';
    this.assets = true;
    this.secrets = false;
  }

  connectedCallback() {
    super.connectedCallback();
    // Whoever sees this needed no log-in.
    kept.set(IMPORTED, false);
    this.#load();
  }

  async #load() {
    try {
      [this.kept, { staged: this.staged }] = await Promise.all([api.get(PATH), api.get(IMPORT)]);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  render() {
    return html`
      <section class="card backups">
        <h2>${t('system.backups')}</h2>
        <p class="hint">${t('system.backupsHelp')}</p>
        ${this.error ? errorText(this.error) : nothing} ${this.kept ? this.#snapshots(this.kept) : nothing}
        <div class="inline-buttons">
          <button @click=${() => this.#take()}>${icon('plus')}${t('system.backupNow')}</button>
        </div>
        <h3>${t('system.export')}</h3>
        <p class="hint">${t('system.exportHelp')}</p>
        ${switchField({
          label: t('system.exportAssets'),
          checked: this.assets,
          onChange: (on) => this.#set({ assets: on }),
        })}
        ${switchField({
          label: t('system.exportSecrets'),
          checked: this.secrets,
          onChange: (on) => this.#set({ secrets: on }),
        })}
        ${this.secrets ? html`<p class="hint">${t('system.exportSecretsHelp')}</p>` : nothing}
        <div class="inline-buttons">
          <a
            class="button"
            download
            href=${address('/api/system/export', { assets: Number(this.assets), secrets: Number(this.secrets) })}
          >
            ${icon('download')}${t('system.exportNow')}
          </a>
        </div>
        <h3>${t('system.import')}</h3>
        <p class="hint">${t('system.importHelp')}</p>
        ${this.#importing()}
      </section>
    `;
  }

  #set(some) {
    Object.assign(this, some);
    this.requestUpdate();
  }

  #snapshots({ snapshots, trouble }) {
    return html`
      ${trouble ? html`<p class="error-text" role="alert">${t('system.backupTrouble', { reason: trouble })}</p>` : nothing}
      <ul class="rows">
        ${snapshots.map(
          ({ name, taken_at: takenAt, reason, size_bytes: size }) => html`
            <li class="row">
              <div class="row-words">
                <span class="row-title">${dateText(takenAt)}</span>
                <span class="hint">${[reasonText(reason), sizeText(size)].join(' · ')}</span>
              </div>
              <a
                class="button bare"
                download
                href=${`${PATH}/${encodeURIComponent(name)}`}
                aria-label=${t('system.backupGet', { when: dateText(takenAt) })}
                >${icon('download')}</a
              >
            </li>
          `,
        )}
      </ul>
      ${snapshots.length ? nothing : html`<p class="hint">${t('system.backupsNone')}</p>`}
    `;
  }

  async #take() {
    await notices.attempt(async () => {
      await api.post(PATH);
      notices.say(t('system.backupTaken'));
    });
    await this.#load();
  }

  #importing() {
    if (this.state) return html`<p class="state is-calm" role="status">${t(`system.importing.${this.state}`)}</p>`;
    if (!this.staged) {
      return html`
        <label class="button">
          ${icon('upload')}${t('system.importChoose')}
          <input class="unseen" type="file" accept=".tar" @change=${({ target }) => this.#send(target)} />
        </label>
      `;
    }
    const { created_at: createdAt, files, missing, kept_as: keptAs } = this.staged;
    return html`
      <p class="banner is-note" role="status">
        ${icon('warning')}
        <span>
          ${t('system.importReady', { when: dateText(createdAt), count: files })}
          ${missing ? t('system.importMissing', { count: missing }) : nothing}
          ${t('system.importKept', { folder: keptAs })} ${t('system.importPeople')}
        </span>
      </p>
      <div class="inline-buttons">
        <button class="primary" @click=${() => this.#apply()}>${t('system.importApply')}</button>
        <button @click=${() => this.#forget()}>${t('system.importForget')}</button>
      </div>
    `;
  }

  async #send(input) {
    const [file] = input.files;
    if (!file) return;
    this.#set({ state: 'sending' });
    await notices.attempt(async () => {
      const response = await fetch(IMPORT, {
        method: 'POST',
        headers: { 'content-type': 'application/x-tar' },
        body: file,
      });
      if (!response.ok) throw await refusal(response);
      this.staged = await response.json();
    });
    this.#set({ state: '' });
  }

  async #forget() {
    await notices.attempt(async () => {
      await api.remove(IMPORT);
      this.staged = null;
    });
    this.requestUpdate();
  }

  async #apply() {
    this.#set({ state: 'applying' });
    await notices.attempt(async () => {
      await api.post(`${IMPORT}/apply`);
      await this.#back();
      // Everything that the page knows is of the state before; the log-in says what came of it.
      kept.set(IMPORTED, true);
      location.reload();
    });
    this.#set({ state: '' });
  }

  /** Until Studio has opened again; whoever had no account there is asked to log in then. */
  async #back() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, BACK_MS));
      try {
        const { staged } = await api.get(IMPORT);
        if (!staged) return;
      } catch (error) {
        if (error.status === 401) return;
      }
    }
  }
}

const reasonText = (reason) => (has(`system.reasons.${reason}`) ? t(`system.reasons.${reason}`) : reason);

customElements.define('system-backups', SystemBackups);
