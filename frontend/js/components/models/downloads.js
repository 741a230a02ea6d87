import { Element, html, nothing, repeat } from '../../core/element.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { downloads, isActive, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { downloadRow, keepFocus } from '../download_row.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';

const MEGABYTE = 1_000_000;
const AT_ONCE = [1, 2, 3, 4, 6, 8];
/** Megabytes a second; 0 is as fast as it goes. */
const SPEEDS = [0, 1, 2, 5, 10, 25, 50, 100];

/** What is fetched, what waits, and what came of it. */
class ModelDownloads extends Element {
  constructor() {
    super();
    this.watch(downloads);
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
  }

  updated() {
    keepFocus(this);
  }

  render() {
    if (!downloads.byId) {
      return downloads.error ? errorText(downloads.error) : html`<p class="hint" role="status">${t('shell.loading')}</p>`;
    }
    const { unfinished, ended } = downloads;
    const order = downloads.waiting.map(({ id }) => id);
    const came = ended.filter(({ state }) => state === 'done');
    const failed = ended.filter(({ state }) => state !== 'done');
    const row = (download) => html`<li class="row download">${downloadRow(download, order)}</li>`;
    return html`
      ${mayFetch() ? limits() : nothing}
      ${unfinished.length
        ? section('downloads-now', t('models.downloadsNow'), unfinished, row)
        : html`<div class="empty">${icon('download')}<p>${t('models.downloadsNone')}</p></div>`}
      ${section('downloads-failed', t('models.downloadsFailed'), failed, row)}
      ${section('downloads-ended', t('models.downloadsEnded'), came, row)}
    `;
  }
}

function section(id, title, shown, row) {
  if (!shown.length) return nothing;
  return html`<section aria-labelledby=${id}>
    <h2 id=${id}>${title}</h2>
    <ul class="rows">
      ${repeat(shown, (download) => download.id, row)}
    </ul>
  </section>`;
}

/** How many at once and how fast; what is set elsewhere is offered beside the usual steps. */
function limits() {
  const { concurrency = 1, bytes_per_second: speed = null } = downloads.limits ?? {};
  const megabytes = speed === null ? 0 : speed / MEGABYTE;
  const change = (facts) => notices.attempt(() => downloads.setLimits(facts));
  const active = downloads.unfinished.filter(isActive);
  const together = active.reduce((sum, each) => sum + each.bytes_per_second, 0);
  return html`
    <div class="download-limits">
      <label class="field">
        <span>${t('models.atOnce')}</span>
        <select @change=${({ target }) => change({ concurrency: Number(target.value) })}>
          ${options(AT_ONCE, concurrency, (each) => String(each))}
        </select>
      </label>
      <label class="field">
        <span>${t('models.speed')}</span>
        <select
          @change=${({ target }) =>
            change({ bytes_per_second: Number(target.value) ? Math.round(Number(target.value) * MEGABYTE) : null })}
        >
          ${options(SPEEDS, megabytes, (each) =>
            each ? t('models.speedOf', { speed: sizeText(each * MEGABYTE) }) : t('models.speedAny'),
          )}
        </select>
      </label>
      ${together > 0
        ? html`<p class="hint download-state">${t('models.together', { speed: sizeText(together) })}</p>`
        : nothing}
    </div>
  `;
}

function options(steps, chosen, text) {
  const all = [...new Set([...steps, chosen])].sort((a, b) => a - b);
  return all.map((each) => html`<option value=${each} .selected=${each === chosen}>${text(each)}</option>`);
}

customElements.define('model-downloads', ModelDownloads);
