import { html, nothing } from '../../core/element.js';
import { copyText } from '../../core/clipboard.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { downloads, hasEnded, mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { stock } from '../../models/stock.js';
import { progressBar, progressText, whyText } from '../download_row.js';
import { icon } from '../icons.js';
import { removeModel } from './removal.js';
import '../menu.js';

/* One model each: a file that is here, or an entry of the catalogs. */

const SHOWN_WORDS = 3;
const joined = (...parts) => parts.filter(Boolean).join(' · ');
export const fileAddress = (id) => `#/models/file/${encodeURIComponent(id)}`;
export const entryAddress = (id) => `#/models/entry/${encodeURIComponent(id)}`;

/** A file's own name, and the folders that it lies in below its type's. */
export function nameParts(name) {
  const at = name.lastIndexOf('/');
  return [name.slice(at + 1), name.slice(0, Math.max(0, at))];
}

/** What is wrong with a file, as marks. */
export function marks({ fault, belongs_in: home }) {
  return html`
    ${fault ? html`<span class="mark is-bad">${t(`models.fault.${fault}`)}</span>` : nothing}
    ${home ? html`<span class="mark">${t('models.belongsIn', { folder: home })}</span>` : nothing}
  `;
}

export const familyMark = ({ family_name: family }) => (family ? html`<span class="mark is-plain">${family}</span>` : nothing);

/** What a file is called where its name does not say so. */
const titleOf = ({ title }, name) => (title && title !== name.replace(/\.[^.]*$/, '') ? title : '');

export function fileRow(file) {
  const [name, below] = nameParts(file.name);
  const words = file.trigger_words.slice(0, SHOWN_WORDS);
  return html`
    <div class="row-words">
      <a class="model-open" href=${fileAddress(file.id)} title=${file.name}>
        <span class="row-title">${name}</span>
        <span class="hint">${joined(titleOf(file, name), below ? `${file.folder}/${below}` : file.folder, sizeText(file.size_bytes))}</span>
      </a>
      <span class="marks">
        ${familyMark(file)} ${marks(file)}
        ${words.map((word) => html`<span class="mark is-word">${word}</span>`)}
      </span>
    </div>
    ${file.favourite ? html`<span class="favoured">${icon('heart')}<span class="unseen">${t('models.favourite')}</span></span>` : nothing}
    ${mayFetch()
      ? html`
          ${file.belongs_in && file.writable
            ? html`<button @click=${() => move(file)}>${icon('board')}${t('models.moveTo', { folder: file.belongs_in })}</button>`
            : nothing}
          <menu-button label=${t('models.actionsFor', { name })} .items=${menuOf(file)}></menu-button>
        `
      : nothing}
  `;
}

const menuOf = (file) => [
  {
    label: t(file.favourite ? 'models.unfavour' : 'models.favour'),
    icon: 'heart',
    run: () => notices.attempt(() => stock.change(file.id, { favourite: !file.favourite })),
  },
  { label: t('models.verify'), icon: 'check', run: () => verify(file) },
  file.writable && { label: t('models.delete'), icon: 'remove', run: () => removeModel(file) },
];

/** Bring a file to where it belongs, or to another folder. */
export function move(file, folder = null) {
  return notices.attempt(async () => {
    const moved = await stock.move(file.id, folder);
    notices.say(t('models.moved', { name: nameParts(moved.name)[0], folder: moved.folder }));
  });
}

export function verify(file) {
  return notices.attempt(async () => {
    await stock.verify(file.id);
    notices.say(t('models.verifying', { name: nameParts(file.name)[0] }));
  });
}

export function entryRow(entry) {
  return html`
    <div class="row-words">
      <a class="model-open" href=${entryAddress(entry.id)}>
        <span class="row-title">${entry.name}</span>
        <span class="hint">
          ${joined(entry.folder, entry.size_bytes ? sizeText(entry.size_bytes) : t('models.sizeUnknown'), entry.license)}
        </span>
      </a>
      <span class="marks">
        ${familyMark(entry)} ${entry.gated ? html`<span class="mark">${t('models.gated')}</span>` : nothing}
        ${entry.state === 'absent' ? nothing : html`<span class="mark is-bad">${t(`models.state.${entry.state}`)}</span>`}
      </span>
      ${wayHere(entry)}
    </div>
    ${installButton(entry)}
  `;
}

/** How far the download of an entry is, if there is one. */
export function wayHere(entry) {
  const download = downloads.of({ ...entry, name: entry.file });
  if (!download || download.state === 'done' || download.state === 'canceled') return nothing;
  return html`
    ${hasEnded(download) ? nothing : progressBar(download)}
    <span class="hint download-state">${progressText(download)}</span>
    ${download.error ? html`<span class="row-reason">${whyText(download.error)}</span>` : nothing}
  `;
}

/** To have an entry; nothing where nobody may, where it is here, or on its way. */
export function installButton(entry) {
  if (!mayFetch() || entry.state === 'present') return nothing;
  const download = downloads.of({ ...entry, name: entry.file });
  if (download && !hasEnded(download)) {
    return html`<a class="button" href="#/models/downloads">${icon('download')}${t('models.underWay')}</a>`;
  }
  return html`
    <button aria-label=${t('models.installOf', { name: entry.name })} @click=${() => install(entry)}>
      ${icon('download')}${t('models.install')}
    </button>
  `;
}

export function install(entry) {
  return notices.attempt(async () => {
    await stock.install(entry.id);
    notices.say(t('models.fetching', { name: entry.name }));
  });
}

/** A term and what there is to say of it, if there is. */
export const fact = (term, value) => (value ? html`<div><dt>${term}</dt><dd>${value}</dd></div>` : nothing);

/** A page for people; only addresses that can be opened. */
export const pageLink = (page) =>
  /^https?:\/\//.test(page)
    ? html`<a class="link" href=${page} target="_blank" rel="noreferrer noopener">${new URL(page).host}</a>`
    : page;

/** Trigger words, each to be copied. */
export function wordsOf(words) {
  if (!words.length) return html`<p class="hint">${t('models.noWords')}</p>`;
  const copy = (text) => () => notices.attempt(() => copyText(text).then(() => notices.say(t('models.copiedWord', { word: text }))));
  return html`
    <ul class="words">
      ${words.map(
        (word) => html`<li>
          <button aria-label=${t('models.copyWord', { word })} @click=${copy(word)}>${icon('copy')}${word}</button>
        </li>`,
      )}
    </ul>
  `;
}
