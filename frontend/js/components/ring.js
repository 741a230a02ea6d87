import { svg } from '../../vendor/lit/lit-element.js';
import { html, nothing } from '../core/element.js';

const RADIUS = 26;
const ROUND = 2 * Math.PI * RADIUS;
const HIGH = 90;

const arc = (percent, className) => svg`
  <circle
    class=${className}
    cx="32"
    cy="32"
    r=${RADIUS}
    stroke-dasharray=${`${(ROUND * percent) / 100} ${ROUND}`}
    transform="rotate(-90 32 32)"
  ></circle>
`;

/** How full something is: `percent` of it, of which `part` is Studio's own. */
export function ring({ label, percent, detail = '', part = 0 }) {
  return html`
    <div class="ring ${percent >= HIGH ? 'is-high' : ''}">
      <div class="ring-face">
        <svg viewBox="0 0 64 64" role="img" aria-label=${`${label}: ${percent} %`}>
          <circle class="ring-ground" cx="32" cy="32" r=${RADIUS}></circle>
          ${arc(percent, 'ring-used')} ${part ? arc(part, 'ring-part') : nothing}
        </svg>
        <span aria-hidden="true">${percent}<small>%</small></span>
      </div>
      <div class="row-words">
        <span class="row-title">${label}</span>
        <span class="hint">${detail}</span>
      </div>
    </div>
  `;
}
