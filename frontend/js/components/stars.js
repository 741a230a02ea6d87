import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { icon } from './icons.js';

const STARS = [1, 2, 3, 4, 5];

/** Five stars to press; the one that is set already takes the rating away. */
export function starButtons(rating, onRate) {
  return html`
    <div class="stars" role="group" aria-label=${t('library.rating')}>
      ${STARS.map(
        (value) => html`<button
          class="bare ${value <= rating ? 'is-on' : ''}"
          aria-label=${t('library.stars', { count: value })}
          aria-pressed=${value === rating ? 'true' : 'false'}
          @click=${() => onRate(value === rating ? 0 : value)}
        >
          ${icon('star')}
        </button>`,
      )}
    </div>
  `;
}
