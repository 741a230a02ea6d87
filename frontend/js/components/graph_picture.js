import { svg } from '../../vendor/lit/lit-html.js';
import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { layOut } from '../models/nodes.js';

/** More than this is no picture that anybody reads; the list of nodes says it better. */
const MOST_NODES = 200;
const MOST_LETTERS = 22;
const short = (text) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);

/**
 * A graph as boxes and lines, from what is read to what is saved.
 *
 * @param marked ids of nodes that inputs go to
 * @param onChoose (id) => void: somebody pressed a box
 */
export function graphPicture(nodes, { marked = new Set(), onChoose } = {}) {
  if (!nodes.length) return nothing;
  if (nodes.length > MOST_NODES) return html`<p class="hint">${t('wizard.tooManyNodes')}</p>`;
  const { places, box, width, height } = layOut(nodes);
  const line = (from, to) => {
    const [x1, y1] = [from.x + box.width, from.y + box.height / 2];
    const [x2, y2] = [to.x, to.y + box.height / 2];
    const bend = Math.max(20, (x2 - x1) / 2);
    return svg`<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"></path>`;
  };
  return html`
    <div class="graph-picture" tabindex="0" role="group" aria-label=${t('wizard.picture')}>
      <svg
        width=${width}
        height=${height}
        viewBox="0 0 ${width} ${height}"
        role="img"
        aria-label=${t('wizard.pictureOf', { count: nodes.length })}
      >
        ${nodes.flatMap((node) => node.links.map(({ from }) => line(places.get(from), places.get(node.id))))}
        ${nodes.map(({ id, title, type }) => {
          const { x, y } = places.get(id);
          return svg`
            <g class=${marked.has(id) ? 'is-marked' : ''} @click=${() => onChoose?.(id)}>
              <title>${title ? `${title} (${type})` : type}</title>
              <rect x=${x} y=${y} width=${box.width} height=${box.height} rx="9"></rect>
              <text x=${x + 12} y=${y + box.height / 2 + 5}>${short(title || type)}</text>
            </g>
          `;
        })}
      </svg>
    </div>
  `;
}
