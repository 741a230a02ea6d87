import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { boards } from '../models/boards.js';
import { notices } from '../models/notices.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';
import { mayShare, share } from './share.js';

/*
 * The shelves of the library in one line: everything, favourites, boards, trash. What is dragged
 * onto a board is put on it.
 */

/** Ask for a name; answers null when somebody would rather not. */
async function askName(label, value = '') {
  const { closed } = openDialog({
    label,
    content: (close) => html`
      <form
        class="inline"
        @submit=${(event) => {
          event.preventDefault();
          close(new FormData(event.target).get('name').trim());
        }}
      >
        <label class="field"
          ><span>${label}</span>
          <input name="name" required maxlength="80" autocomplete="off" autofocus .value=${value} />
        </label>
        <button class="primary">${t('library.save')}</button>
      </form>
    `,
  });
  return (await closed) || null;
}

/** Make a board, and put something on it if there is something. */
export async function newBoard(then = null) {
  const name = await askName(t('library.newBoard'));
  if (!name) return;
  await notices.attempt(async () => {
    const board = await boards.create(name);
    await then?.(board);
  });
}

async function rename(board) {
  const name = await askName(t('library.renameBoard'), board.name);
  if (name && name !== board.name) await notices.attempt(() => boards.rename(board.id, name));
}

/** A board goes, its pictures stay; a press on Undo makes one like it. */
async function remove(board, { items, change, putOn }) {
  await notices.attempt(async () => {
    const on = await items(board);
    await boards.remove(board.id);
    change({ board: '' });
    notices.undoable(t('library.didRemoveBoard', { board: board.name }), async () => {
      const again = await boards.create(board.name);
      if (on.length) await putOn(on, again);
    });
  });
}

/**
 * @param query what is shown
 * @param change (fields) => show something else
 * @param drop (board) => what was dragged goes onto it
 * @param rest {items, putOn} for a board that comes back
 */
export function shelves({ query, change, drop, ...rest }) {
  const here = boards.byId(query.board);
  const plain = !query.board && !query.trashed && !query.favourite;
  const go = (fields) => () => change({ board: '', trashed: '', favourite: '', ...fields });
  return html`
    <nav class="shelves" aria-label=${t('library.shelves')}>
      ${shelf(t('library.all'), 'library', plain, go({}))}
      ${shelf(t('library.favourites'), 'heart', query.favourite === '1' && !query.board, go({ favourite: '1' }))}
      ${boards.list.map((board) => boardShelf(board, board === here, go({ board: board.id }), drop))}
      ${here
        ? html`<menu-button
            label=${t('library.boardMenu', { board: here.name })}
            .items=${[
              { label: t('library.renameBoard'), icon: 'use', run: () => rename(here) },
              mayShare() && {
                label: t('library.shareBoard'),
                icon: 'link',
                run: () => notices.attempt(() => share({ kind: 'board', target: here.id, name: here.name })),
              },
              { label: t('library.removeBoard'), icon: 'remove', run: () => remove(here, { change, ...rest }) },
            ]}
          ></menu-button>`
        : nothing}
      <button class="shelf" @click=${() => newBoard()}>${icon('plus')}<span>${t('library.newBoard')}</span></button>
      ${shelf(t('library.trash'), 'remove', Boolean(query.trashed), go({ trashed: '1' }))}
    </nav>
  `;
}

const shelf = (label, symbol, isHere, go) => html`
  <button class="shelf" aria-current=${isHere ? 'true' : nothing} @click=${go}>
    ${icon(symbol)}<span>${label}</span>
  </button>
`;

function boardShelf(board, isHere, go, drop) {
  const isOurs = (event) => event.dataTransfer.types.includes('application/x-studio-pictures');
  const mark = (event, isOver) => event.currentTarget.classList.toggle('is-over', isOver);
  return html`
    <button
      class="shelf"
      aria-current=${isHere ? 'true' : nothing}
      @click=${go}
      @dragover=${(event) => isOurs(event) && (event.preventDefault(), mark(event, true))}
      @dragleave=${(event) => mark(event, false)}
      @drop=${(event) => {
        mark(event, false);
        if (isOurs(event)) drop(board);
      }}
    >
      ${icon('board')}<span>${board.name}</span><span class="count">${board.count}</span>
    </button>
  `;
}
