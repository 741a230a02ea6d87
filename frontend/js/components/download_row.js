import { html, nothing } from '../core/element.js';
import { agoText, sizeText, spanText, timeText } from '../core/format.js';
import { explain, has, language, t } from '../core/messages.js';
import { downloads, hasEnded, isActive, mayFetch } from '../models/downloads.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';
import './menu.js';

/* One download each, with all that can be done about it. Needs the messages and styles `downloads`. */

const SOON_MS = 60_000;

const joined = (...parts) => parts.filter(Boolean).join(' · ');
/** A file has no name of its own before its source was asked, nor in the cache of models: a hash is none. */
export const nameOf = (download) =>
  isForJob(download) || download.name === null ? endOf(download.reference) : download.name;
/** A job named it by its address; it is not among the models. */
const isForJob = ({ root }) => root === 'cache';
const endOf = (reference) => (reference.startsWith('civitai:') ? reference : reference.split('/').at(-1));

/** Where it comes from, in a word. */
export function sourceOf({ reference }) {
  if (reference.startsWith('hf:')) return 'Hugging Face';
  if (reference.startsWith('civitai:') || reference.startsWith('urn:air:')) return 'Civitai';
  try {
    return new URL(reference).host;
  } catch {
    return reference;
  }
}

/** What a source itself has refused: Studio's own sentence names it, and tells what there is to do. */
const BY_SOURCE = ['model_source_refused', 'model_source_gone'];

/** Why a model cannot be had, in words: of a download's `error`, or of a refusal. */
export function whyText({ code, message, details }) {
  if (details && BY_SOURCE.includes(code) && language === 'en') return message;
  if (code === 'model_source_refused') {
    if (details?.status === 401) return t('downloads.why.token');
    return details?.page ? t('downloads.why.licence') : message;
  }
  if (has(`downloads.why.${code}`)) return t(`downloads.why.${code}`);
  return explain({ code, message });
}

/** Why, for people; the code of it for who looks it up. */
export const reason = (error) => html`<span title=${error.code}>${whyText(error)}</span>`;

/** What can be done about it elsewhere: set a token, accept a licence. */
export function wayOut({ code, details }) {
  if (code !== 'model_source_refused' || !details) return nothing;
  const { status, page } = details;
  return html`
    ${status === 401 && session.can('admin')
      ? html`<a class="button" href="#/settings/services">${icon('key')}${t('downloads.toSettings')}</a>`
      : nothing}
    ${page?.startsWith('https://') || page?.startsWith('http://')
      ? html`<a class="button" href=${page} target="_blank" rel="noreferrer noopener">
          ${icon('link')}${t('downloads.toPage')}
        </a>`
      : nothing}
  `;
}

/** How far it is, in words. */
export function progressText(download) {
  const { state, received_bytes: received, size_bytes: size, bytes_per_second: speed } = download;
  const { eta_seconds: eta, retry_at: again } = download;
  const part = size
    ? t('downloads.part', { received: sizeText(received), size: sizeText(size) })
    : received && sizeText(received);
  if (state === 'downloading') {
    return joined(
      part,
      speed > 0 && t('downloads.speed', { speed: sizeText(speed) }),
      eta !== null && t('downloads.left', { time: spanText(eta * 1000) }),
    );
  }
  if (state === 'done') return joined(t('downloads.state.done'), size && sizeText(size), agoText(download.ended_at));
  if (again) return joined(againText(again), received > 0 && part);
  return joined(t(`downloads.state.${state}`), received > 0 && part);
}

/** A clock has no seconds: it would name the present minute. */
function againText(iso) {
  const isSoon = new Date(iso) - Date.now() < SOON_MS;
  return isSoon ? t('downloads.againSoon') : t('downloads.again', { time: timeText(iso) });
}

const percentOf = ({ received_bytes: received, size_bytes: size }) =>
  size ? Math.min(100, Math.floor((received / size) * 100)) : null;

/** A bar; without a value while nobody knows how much there is. */
export function progressBar(download) {
  const percent = percentOf(download);
  return html`<progress
    max="100"
    value=${percent ?? nothing}
    aria-label=${t('downloads.progress', { name: nameOf(download) })}
  ></progress>`;
}

/** The download that the keyboard acted on last: its row may move, and the focus goes with it. */
let acted = null;

/** Give the focus back to a row that has moved; after each update of what shows rows. */
export function keepFocus(root) {
  if (!acted || document.activeElement !== document.body) return;
  root.querySelector(`[data-download="${CSS.escape(acted)}"] button`)?.focus();
}

const act = (id, action) => (event) => {
  // A menu's entry comes without an event, and gives the focus back to its button.
  acted = !event || event.detail === 0 ? id : null;
  return notices.attempt(action);
};

/** Where the file that it brought is shown; what a job brought is its own, and not among the models. */
const placeOf = ({ state, root, folder, name }) =>
  state === 'done' && root !== 'cache' && name ? `#/models/at/${encodeURIComponent(`${folder}/${name}`)}` : null;

/** @param order ids of those that wait, when they can be put in another order */
export function downloadRow(download, order = []) {
  const { state, error } = download;
  const isOpen = !hasEnded(download);
  return html`
    <div class="row-words">
      ${placeOf(download)
        ? html`<a class="row-title" href=${placeOf(download)}>${nameOf(download)}</a>`
        : html`<span class="row-title" title=${nameOf(download)}>${nameOf(download)}</span>`}
      <span class="hint">${joined(isForJob(download) && t('downloads.forJob'), download.folder, sourceOf(download))}</span>
      ${isOpen && (isActive(download) || download.received_bytes) ? progressBar(download) : nothing}
      <span class="hint download-state is-${state}">${progressText(download)}</span>
      ${error ? html`<span class="row-reason">${reason(error)}</span>` : nothing}
    </div>
    ${error ? wayOut(error) : nothing} ${mayFetch() ? buttons(download, order) : nothing}
  `;
}

function buttons(download, order) {
  const { id, state, error } = download;
  const name = nameOf(download);
  const rests = state === 'paused' || Boolean(download.retry_in_seconds);
  const items = hasEnded(download) ? [] : orderItems(id, order);
  return html`
    <div class="download-acts" data-download=${id}>
      ${hasEnded(download)
        ? nothing
        : rests
          ? button('play', 'downloads.resume', download, () => downloads.resume(id))
          : button('pause', 'downloads.pause', download, () => downloads.pause(id))}
      ${state === 'failed' && !isForJob(download) ? ownersWord(id, error) : nothing}
      ${state === 'failed' || state === 'canceled'
        ? button('again', 'downloads.retry', download, () => downloads.retry(id))
        : nothing}
      ${items.length ? html`<menu-button label=${t('downloads.order', { name })} .items=${items}></menu-button>` : nothing}
      ${hasEnded(download)
        ? button('close', 'downloads.forget', download, () => leave(id))
        : button('close', 'downloads.cancel', download, () => downloads.cancel(id))}
    </div>
  `;
}

/** What only the owner may say, for this one file. */
function ownersWord(id, { code }) {
  if (!session.isOwner) return nothing;
  const retry = (word) => act(id, () => downloads.retry(id, { [word]: true }));
  if (code === 'pickle_refused') {
    return html`<button type="button" @click=${retry('allow_pickle')}>${icon('warning')}${t('downloads.allowPickle')}</button>`;
  }
  if (code !== 'name_taken') return nothing;
  return html`<button type="button" @click=${retry('replace')}>${icon('swap')}${t('downloads.replace')}</button>`;
}

/** Off the list: the focus goes on to the row that comes next. */
function leave(id) {
  const row = document.querySelector(`[data-download="${CSS.escape(id)}"]`)?.closest('li');
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  acted &&= next?.querySelector('[data-download]')?.dataset.download ?? null;
  return downloads.cancel(id);
}

function button(symbol, message, download, run) {
  const label = t(message, { name: nameOf(download) });
  return html`<button type="button" class="round" aria-label=${label} title=${label} @click=${act(download.id, run)}>${icon(symbol)}</button>`;
}

/** Where it can go among those that wait. */
function orderItems(id, order) {
  const at = order.indexOf(id);
  if (at < 0) return [];
  const to = (message, symbol, before) => ({
    label: t(message),
    icon: symbol,
    run: act(id, () => downloads.move(id, before)),
  });
  return [
    at > 0 && to('downloads.first', 'first', order[0]),
    at > 0 && to('downloads.earlier', 'up', order[at - 1]),
    at < order.length - 1 && to('downloads.later', 'down', order[at + 2] ?? null),
    at < order.length - 1 && to('downloads.last', 'last', null),
  ].filter(Boolean);
}
