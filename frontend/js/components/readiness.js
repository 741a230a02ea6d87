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

/** Whether it has nodes that no file and no node pack would bring to the only engine there is. */
export const needsComfyUI = ({ missing_nodes: nodes = [] }) =>
  feed.paintsPlaceholders && (Array.isArray(nodes) ? nodes.length : nodes) > 0;

/** Whether a workflow could run now, as a dot and words: colour alone says nothing. */
export function readinessMark(readiness) {
  const { state, missing_models: models, missing_nodes: nodes } = readiness;
  const count = (value) => (Array.isArray(value) ? value.length : value);
  const parts = [
    count(models) && t('workflows.lacksModels', { count: count(models) }),
    count(nodes) && t('workflows.lacksNodes', { count: count(nodes) }),
  ].filter(Boolean);
  const lacks = () => (needsComfyUI(readiness) ? t('workflows.needsIt') : t('workflows.lacks', { parts: listText(parts) }));
  const text = state === 'missing' ? lacks() : t(`workflows.state.${state}`);
  return html`<span class="ready is-${state}"><span class="dot"></span>${text}</span>`;
}

/**
 * What is missing, each with what would fix it.
 *
 * @param ask what brings its models: the body of `POST /api/models/missing`
 * @param onChange called when models came
 */
export function readinessList(readiness, ask, onChange) {
  const { state, missing_models: models = [], missing_nodes: nodes = [] } = readiness;
  if (state === 'unknown') return html`<p class="hint">${t('workflows.unknownWhy')}</p>`;
  if (state === 'ready') return html`<p class="hint">${t('workflows.readyWhy')}</p>`;
  const isSeen = models.length > 0 && maySeeModels();
  const list = () => html`${isSeen ? missingModels(ask, onChange) : nothing} ${files(isSeen ? [] : models)}`;
  if (needsComfyUI(readiness)) {
    // Gigabytes would not help it to run here: they are offered to who asks.
    return html`<p>${placeholderNote(t('workflows.needsComfyUI'))}</p>
      <details>
        <summary>${t('workflows.needsThere')}</summary>
        ${list()} ${classes(nodes.map(({ class: type }) => ({ class: type })))}
      </details>`;
  }
  return html`${feed.paintsPlaceholders && !isSeen ? html`<p>${placeholderNote(t('workflows.needsComfyUI'))}</p>` : nothing}
  ${list()}
  ${nodes.length
    ? html`${session.isOwner
          ? html`<missing-packs .classes=${nodes.map(({ class: type }) => type)}></missing-packs>`
          : nothing}
        <p>${t('workflows.installNodes')}</p>
        ${classes(nodes)}`
    : nothing}`;
}

const files = (models) => html`<ul class="rows">
  ${models.map(
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
</ul>`;

const classes = (nodes) => html`<ul class="rows">
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
