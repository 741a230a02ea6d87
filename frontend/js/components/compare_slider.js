import { html } from '../core/element.js';
import { t } from '../core/messages.js';

const move = ({ target }) => target.closest('.compare').style.setProperty('--cut', `${target.value}%`);

/** Two of one size over each other, the second one first: the slider says how much is seen of each. */
export const underSlider = (faces, { autofocus = false } = {}) => html`
  <div class="compare">
    ${faces}
    <span class="compare-line" aria-hidden="true"></span>
    <input
      type="range"
      min="0"
      max="100"
      value="50"
      step="1"
      ?autofocus=${autofocus}
      aria-label=${t('making.cut')}
      @input=${move}
    />
  </div>
  <p class="hint compare-names"><span>${t('making.first')}</span><span>${t('making.second')}</span></p>
`;
