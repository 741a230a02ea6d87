import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { boards } from '../models/boards.js';
import { library } from '../models/library.js';
import { notices } from '../models/notices.js';
import { pictures } from '../models/pictures.js';
import { selection } from '../models/selection.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';
import { newBoard } from './library_boards.js';
import { starButtons } from './stars.js';

/** Kinds that two of can be looked at, or heard, in turn. */
const COMPARABLE = new Set(['image', 'video', 'audio']);

/** What can be done with everything that was chosen. */
export function selectionBar() {
  const { size } = selection;
  if (!size) return nothing;
  return html`
    <div class="selection-bar" role="toolbar" aria-label=${t('library.chosenActions')}>
      <button class="round" aria-label=${t('library.chooseNone')} title=${t('library.chooseNone')} @click=${() => selection.clear()}>
        ${icon('close')}
      </button>
      <span class="selection-count" role="status">${t('library.chosen', { count: size })}</span>
      ${size < library.total
        ? html`<button class="bare only-wide" @click=${() => selection.all()}>${t('library.chooseAll')}</button>`
        : nothing}
      <span class="selection-gap"></span>
      ${library.shown?.trashed ? inTrash() : onShelf()}
    </div>
  `;
}

const button = (symbol, label, run, { className = '' } = {}) => html`
  <button class="round ${className}" aria-label=${label} title=${label} @click=${run}>${icon(symbol)}</button>
`;

/** Do it to what is chosen, which is chosen no longer when it went elsewhere. */
function withChosen(run) {
  const { items } = selection;
  selection.clear();
  return run(items);
}

function inTrash() {
  return html`
    <button @click=${() => withChosen((items) => pictures.restore(items))}>${icon('again')}${t('library.restore')}</button>
    <button class="danger" @click=${() => askPurge()}>${icon('remove')}${t('library.purge')}</button>
  `;
}

/** What cannot be undone is the one thing that is asked about. */
async function askPurge() {
  if (await isSure(selection.size)) withChosen((items) => pictures.purge(items));
}

/** Ask whether that many are to be deleted for good. */
export async function isSure(size) {
  const { closed } = openDialog({
    label: t('library.purge'),
    content: (close) => html`
      <h2>${t('library.purgeSure', { count: size })}</h2>
      <p>${t('library.purgeHelp')}</p>
      <div class="dialog-actions">
        <button autofocus @click=${() => close(false)}>${t('shell.cancel')}</button>
        <button class="danger" @click=${() => close(true)}>${t('library.purge')}</button>
      </div>
    `,
  });
  return closed;
}

function onShelf() {
  const { items, size } = selection;
  const areFavourites = items.every(({ favourite }) => favourite);
  const rating = items.every((item) => item.rating === items[0].rating) ? items[0].rating : 0;
  const board = boards.byId(library.shown?.board);
  const putOn = (to) => pictures.putOn(selection.items, to);
  const [one, other] = items;
  const areTwo = size === 2 && one.kind === other.kind && COMPARABLE.has(one.kind);
  return html`
    <span class="only-wide">${starButtons(rating, (value) => pictures.rate(selection.items, value))}</span>
    ${button('heart', t(areFavourites ? 'library.unfavour' : 'library.favour'), () =>
      pictures.favour(selection.items, !areFavourites),
    )}
    ${areTwo
      ? button('compare', t('library.compare'), () =>
          notices.attempt(async () => {
            const { making } = await import('./later.js');
            (await making()).openCompare(one, other);
          }),
        )
      : nothing}
    <menu-button
      class="above"
      label=${t('library.addTo')}
      symbol="board"
      .items=${[
        ...boards.list.map((each) => ({ label: each.name, run: () => putOn(each) })),
        { label: t('library.newBoard'), icon: 'plus', run: () => newBoard(putOn) },
      ]}
    ></menu-button>
    ${board
      ? button('minus', t('library.takeFrom', { board: board.name }), () =>
          withChosen((chosen) => pictures.takeFrom(chosen, board)),
        )
      : nothing}
    ${button('download', t('library.zip'), () => notices.attempt(() => pictures.zip(selection.items)))}
    ${button('remove', t('library.toTrash'), () => withChosen((chosen) => pictures.trash(chosen)))}
  `;
}
