import { html, nothing } from '../../core/element.js';
import { t } from '../../core/messages.js';
import { downloads, hasEnded, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { downloadRow } from '../download_row.js';
import { icon } from '../icons.js';
import { openAdd } from '../models/add.js';
import { fileAddress } from '../models/rows.js';

const PICKLE = /\.(ckpt|pt|pth|bin|pkl)$/i;

/** Where a file is here, that it is on its way, or how it can be had. */
export function installState({ here, install, name }) {
  if (here) {
    return html`<a class="mark is-good" href=${fileAddress(here.id)}>${icon('check')}${t('civitai.here')}</a>`;
  }
  if (!install) return nothing;
  const download = downloads.of(install);
  if (download && !hasEnded(download)) return html`<div class="row download">${downloadRow(download)}</div>`;
  if (!mayFetch()) return html`<span class="hint">${t('civitai.ownerInstalls')}</span>`;
  return html`
    ${download?.error ? html`<div class="row download">${downloadRow(download)}</div>` : nothing}
    <button @click=${() => fetchIt(install)}>
      ${icon('download')}<span>${t('civitai.install')}<span class="unseen"> ${name}</span></span>
    </button>
  `;
}

/** At once when nobody has to be asked: where it goes, or whether a pickle may be taken. */
function fetchIt(install) {
  if (!install.folder || PICKLE.test(install.name)) return openAdd(install.reference);
  return notices.attempt(async () => {
    await downloads.add(install);
    notices.say(t('civitai.fetching', { name: install.name }));
  });
}
