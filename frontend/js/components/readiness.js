import { html, nothing } from '../core/element.js';
import { copyText } from '../core/clipboard.js';
import { listText } from '../core/format.js';
import { t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';
import './missing_packs.js';
import { maySeeModels, missingModels } from './missing.js';
import { placeholderNote } from './states.js';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

function sizeText(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toFixed(step > 2 ? 1 : 0)} ${UNITS[step]}`;
}

/** Whether a workflow could run now, as a dot and words: colour alone says nothing. */
export function readinessMark({ state, missing_models: models, missing_nodes: nodes }) {
  const count = (value) => (Array.isArray(value) ? value.length : value);
  const parts = [
    count(models) && t('workflows.lacksModels', { count: count(models) }),
    count(nodes) && t('workflows.lacksNodes', { count: count(nodes) }),
  ].filter(Boolean);
  const text = state === 'missing' ? t('workflows.lacks', { parts: listText(parts) }) : t(`workflows.state.${state}`);
  return html`<span class="ready is-${state}"><span class="dot"></span>${text}</span>`;
}

/**
 * What is missing, each with what would fix it.
 *
 * @param ask what brings its models: the body of `POST /api/models/missing`
 * @param onChange called when models came
 */
export function readinessList({ state, missing_models: models = [], missing_nodes: nodes = [] }, ask, onChange) {
  if (state === 'unknown') return html`<p class="hint">${t('workflows.unknownWhy')}</p>`;
  if (state === 'ready') return html`<p class="hint">${t('workflows.readyWhy')}</p>`;
  const isEmbedded = feed.paintsPlaceholders;
  const isSeen = models.length > 0 && maySeeModels();
  return html`${isSeen ? missingModels(ask, onChange) : nothing}
  ${nodes.length && !isEmbedded && session.isOwner
    ? html`<missing-packs .classes=${nodes.map(({ class: type }) => type)}></missing-packs>`
    : nothing}
  <ul class="rows">
    ${isEmbedded && (nodes.length || !isSeen) ? html`<li class="row"><p>${placeholderNote(t('workflows.needsComfyUI'))}</p></li>` : nothing}
    ${(isSeen ? [] : models).map(
      ({ file, class: type, fix }) => html`<li class="row">
        <div class="row-words">
          <p class="row-title">${file}</p>
          <p class="hint">
            ${fix.directory
              ? t('workflows.putInto', { folder: `models/${fix.directory}` })
              : t('workflows.putFor', { type })}
            ${fix.size ? `· ${sizeText(fix.size)}` : nothing}
          </p>
        </div>
        ${fix.url ? linkOf(fix.url) : nothing} ${copyButton(file)}
      </li>`,
    )}
    ${nodes.length && !isEmbedded ? html`<li class="row"><p>${t('workflows.installNodes')}</p></li>` : nothing}
    ${nodes.map(
      ({ class: type, closest = [] }) => html`<li class="row">
        <div class="row-words">
          <p class="row-title">${type}</p>
          ${[closest].flat().length
            ? html`<p class="hint">${t('workflows.closest', { names: [closest].flat().join(', ') })}</p>`
            : nothing}
        </div>
        ${copyButton(type)}
      </li>`,
    )}
  </ul>`;
}

/** Only addresses that the manifest's schema admits: https. */
const linkOf = (url) =>
  url.startsWith('https://')
    ? html`<a class="button" href=${url} target="_blank" rel="noreferrer noopener">
        ${icon('download')}${t('workflows.download')}
      </a>`
    : nothing;

function copyButton(text) {
  const copy = () => notices.attempt(() => copyText(text).then(() => notices.say(t('shell.copied'))));
  return html`<button class="bare" aria-label=${t('workflows.copyName', { name: text })} @click=${copy}>
    ${icon('copy')}
  </button>`;
}
