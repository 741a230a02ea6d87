import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { contentUrl } from '../models/job.js';
import { openDialog } from './dialog.js';

/** Two pictures over each other: how much of the first is seen is up to the slider. */
export function openCompare(a, b) {
  const move = ({ target }) => target.closest('.compare').style.setProperty('--cut', `${target.value}%`);
  openDialog({
    label: t('making.compare'),
    className: 'is-wide compare-dialog',
    content: () => html`
      <h2>${t('making.compare')}</h2>
      <div class="compare">
        <img src=${contentUrl(b)} alt=${t('making.second')} draggable="false" />
        <img class="is-over" src=${contentUrl(a)} alt=${t('making.first')} draggable="false" />
        <span class="compare-line" aria-hidden="true"></span>
        <input type="range" min="0" max="100" value="50" step="1" autofocus aria-label=${t('making.cut')} @input=${move} />
      </div>
      <p class="hint compare-names"><span>${t('making.first')}</span><span>${t('making.second')}</span></p>
    `,
  });
}
