import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { contentUrl, kindOf } from '../models/job.js';
import { underSlider } from './compare_slider.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';
import './compare_player.js';

const SHOWN = new Set(['image', 'video', 'audio']);

/** Whether these can be compared: two of a kind that can be looked at or heard. */
export const areComparable = (a, b) => SHOWN.has(kindOf(a)) && kindOf(a) === kindOf(b);

/** Two results over each other: how much of the first is seen, or which is heard, can be chosen. */
export function openCompare(a, b) {
  openDialog({
    label: t('making.compare'),
    className: 'is-wide compare-dialog',
    content: (close) => html`
      <header class="view-head">
        <h2>${t('making.compare')}</h2>
        <button class="bare" aria-label=${t('shell.close')} @click=${() => close()}>${icon('close')}</button>
      </header>
      ${kindOf(a) === 'image' ? pictures(a, b) : html`<compare-player .pair=${[a, b]}></compare-player>`}
    `,
  });
}

const pictures = (a, b) =>
  underSlider(
    html`
      <img src=${contentUrl(b)} alt=${t('making.second')} draggable="false" />
      <img class="is-over" src=${contentUrl(a)} alt=${t('making.first')} draggable="false" />
    `,
    { autofocus: true },
  );
