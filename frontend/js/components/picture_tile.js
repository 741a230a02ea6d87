import { html, nothing } from '../core/element.js';
import { lengthText } from '../core/length.js';
import { t } from '../core/messages.js';
import { icon } from './icons.js';

/** The longer side of the smallest picture that Studio makes, and of the next one. */
const SMALL = 256;
const LARGE = 768;
const SIGNS = { audio: 'sound', model3d: 'file', text: 'file', other: 'file' };

export const nameOf = (item) => item.title || item.prompt || item.name;

/** What a tile says to those who do not see it. */
export function labelOf(item) {
  const parts = [
    nameOf(item),
    item.kind === 'image' ? '' : t(`library.kind.${item.kind}`),
    item.favourite ? t('library.favourite') : '',
    item.rating ? t('library.stars', { count: item.rating }) : '',
  ];
  return parts.filter(Boolean).join(', ');
}

/** The browser chooses by how wide the tile is on its screen. */
function sources(item, box) {
  const ratio = Math.min(1, item.width && item.height ? item.width / item.height : 1);
  const width = (longest) => Math.max(1, Math.round(longest * ratio));
  return {
    srcset: `${item.thumbnail} ${width(SMALL)}w, ${item.preview} ${width(LARGE)}w`,
    sizes: `${Math.ceil(box.width)}px`,
  };
}

function face(item, box) {
  if (!item.thumbnail) {
    return html`<span class="tile-file">${icon(SIGNS[item.kind] ?? 'file')}<span>${item.name}</span></span>`;
  }
  const { srcset, sizes } = sources(item, box);
  return html`<img
    src=${item.thumbnail}
    srcset=${srcset}
    sizes=${sizes}
    alt=""
    decoding="async"
    draggable="false"
    @error=${whole(item)}
  />`;
}

/** A picture that Studio cannot make small is shown as it is; that may fail as well, but only once. */
function whole(item) {
  return ({ target }) => {
    if (target.src.endsWith(item.content)) return;
    target.removeAttribute('srcset');
    target.src = item.content;
  };
}

/**
 * One place of the grid. Marks inside are for the mouse alone and say nothing new: the keyboard
 * has keys for them, and the label says how they stand.
 *
 * @param box {index, x, y, width, height}
 * @param state {isChosen, isActive, total, whose}
 */
export function pictureTile(item, box, { isChosen, isActive, total, whose, canDrag }) {
  const place = `transform: translate(${box.x}px, ${box.y}px); width: ${box.width}px; height: ${box.height}px`;
  if (!item) {
    return html`<div class="cell is-unknown" role="option" aria-selected="false" aria-label=${t('shell.loading')}
      data-index=${box.index} .style=${place}></div>`;
  }
  return html`
    <div
      class="cell ${isChosen ? 'is-chosen' : ''} ${item.favourite ? 'is-favourite' : ''}"
      role="option"
      id="cell-${box.index}"
      aria-selected=${isChosen ? 'true' : 'false'}
      aria-label=${labelOf(item)}
      aria-posinset=${box.index + 1}
      aria-setsize=${total}
      tabindex=${isActive ? '0' : '-1'}
      draggable=${canDrag ? 'true' : 'false'}
      data-index=${box.index}
      .style=${place}
    >
      ${face(item, box)}
      <span class="cell-check" data-act="choose">${icon('check')}</span>
      <span class="cell-heart" data-act="favour">${icon('heart')}</span>
      ${item.rating || whose || item.duration_ms
        ? html`<span class="cell-words">
            ${item.duration_ms ? html`<span>${icon('play')}${lengthText(item.duration_ms)}</span>` : nothing}
            ${item.rating ? html`<span class="cell-stars">${icon('star')}${item.rating}</span>` : nothing}
            ${whose ? html`<span class="cell-owner">${item.user.name}</span>` : nothing}
          </span>`
        : nothing}
    </div>
  `;
}
