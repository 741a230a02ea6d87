import { html, nothing } from '../core/element.js';
import { spanText, timeText } from '../core/format.js';
import { explain, t } from '../core/messages.js';
import { awaitedText } from '../models/awaited.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { percentOf, thumbnailUrl, titleOf } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { line } from '../models/line.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';
import { itemsOf, statusText } from './tiles.js';

/* One job each, as the queue shows it. */

const FACES = 3;

const joined = (...parts) => parts.filter(Boolean).join(' · ');
const whose = (job) => {
  const name = line.nameOf(job);
  return name ? html`<span class="whose">${name}</span>` : nothing;
};

export function cancelButton(job) {
  return html`
    <button
      class="round cancel"
      aria-label=${t('job.cancel', { title: titleOf(job) })}
      title=${t('shell.cancel')}
      ?disabled=${Boolean(job.cancel_requested_at)}
      @click=${({ currentTarget }) => cancel(currentTarget, job)}
    >
      ${icon('close')}
    </button>
  `;
}

/** Its row leaves with the button: the focus goes on to the next one. */
function cancel(button, job) {
  const row = button.closest('li');
  (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('.cancel')?.focus();
  line.cancel([job.id]);
}

export function runningRow(job) {
  const preview = jobs.previews.get(job.id);
  const percent = percentOf(job);
  return html`
    <div class="now-face">
      ${preview ? html`<img src=${preview} alt="" />` : html`<span class="shimmer is-moving"></span>`}
    </div>
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">${statusText(job)} ${whose(job)}</span>
      <div class="now-progress">
        <progress max="100" .value=${percent} aria-label=${titleOf(job)}></progress>
        <span class="hint">${percent} %</span>
      </div>
      <span class="hint">${leftText(job)}</span>
    </div>
    ${cancelButton(job)}
  `;
}

/** What is left, told by how long the part before took. */
function leftText({ started_at: started, progress }) {
  const part = progress?.value ?? 0;
  if (!started || part < 0.1) return '';
  const passed = Date.now() - new Date(started);
  return t('queue.left', { time: spanText((passed * (1 - part)) / part) });
}

function startText({ starts_in_ms: ms }) {
  if (ms === null || ms === undefined) return '';
  return ms < 1000 ? t('job.startsSoon') : t('job.starts', { time: spanText(ms) });
}

const priorityText = ({ priority }) => (priority ? t(priority > 0 ? 'queue.high' : 'queue.low') : '');

/** An engine has it already, behind what runs there. */
export function nextRow(job) {
  return html`
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">${joined(t('job.next'), priorityText(job))} ${whose(job)}</span>
    </div>
    ${cancelButton(job)}
  `;
}

/**
 * @param at its place in the list, of `count`
 * @param acts {isChosen, choose, lift}, and how many go `before` the list
 */
export function waitingRow(job, at, count, { isChosen, choose, lift, before }) {
  const title = titleOf(job);
  return html`
    <button
      class="grip"
      aria-label=${t('queue.move', { title })}
      title=${t('queue.moveHelp')}
      aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown"
      @pointerdown=${lift}
    >
      ${icon('grip')}
    </button>
    <span class="place" title=${t('queue.place')}>${job.queue_position + before}</span>
    <div class="row-words">
      <span class="row-title">${title}</span>
      <span class="hint">${joined(awaitedText(job) ?? startText(job), priorityText(job))} ${whose(job)}</span>
    </div>
    <label class="check row-check">
      <input
        type="checkbox"
        aria-label=${t('queue.choose', { title })}
        .checked=${isChosen}
        @change=${({ target }) => choose(target.checked)}
      />
    </label>
    <menu-button label=${t('queue.menu', { title })} .items=${menuOf(job, at, count)}></menu-button>
    ${cancelButton(job)}
  `;
}

function menuOf(job, at, count) {
  const owner = session.isOwner;
  const to = (label, priority) => ({ label: t(label), run: () => line.prioritise(job.id, priority) });
  return [
    at > 0 && { label: t('queue.first'), icon: 'first', run: () => line.move(job.id, 0) },
    at < count - 1 && { label: t('queue.last'), icon: 'last', run: () => line.move(job.id, count - 1) },
    owner && job.priority <= 0 && to('queue.toHigh', 10),
    job.priority !== 0 && (owner || job.priority < 0) && to('queue.toNormal', 0),
    job.priority >= 0 && to('queue.toLow', -10),
    graphItem(job),
  ];
}

const graphItem = (job) =>
  canOpenEditor() && {
    label: t('queue.openGraph'),
    icon: 'editor',
    run: () => notices.attempt(() => openEditor({ job: job.id })),
  };

export function endedRow(job) {
  const items = itemsOf([job]);
  return html`
    ${items.length ? faces(job, items) : html`<span class="row-face is-${job.status}"></span>`}
    <div class="row-words">
      <span class="row-title">${titleOf(job)}</span>
      <span class="hint">
        ${joined(t(`job.${job.status}`), timeText(job.completed_at), tookText(job))} ${whose(job)}
      </span>
      ${job.error ? reason(job.error) : nothing}
    </div>
    ${job.status !== 'succeeded' && session.can('graphs:run') ? retryMenu(job) : nothing}
  `;
}

function tookText({ metrics }) {
  return metrics?.execution_ms ? t('queue.took', { time: spanText(metrics.execution_ms) }) : '';
}

/** What went wrong: a node's own words where a node raised it, with its name. */
function reason(error) {
  const isNode = error.code === 'node_execution_error';
  const where = error.class_type ? t('queue.atNode', { node: error.class_type }) : '';
  return html`<span class="row-reason">
    ${joined(isNode ? error.message : explain(error), where)} <code>${error.code}</code>
  </span>`;
}

function retryMenu(job) {
  const again = (newSeed) => () => notices.attempt(() => jobs.retry(job.id, newSeed));
  return html`<menu-button
    look="button"
    symbol="again"
    label=${t('job.again')}
    .items=${[
      { label: t('queue.sameSeed'), run: again(false) },
      { label: t('queue.newSeed'), run: again(true) },
      graphItem(job),
    ]}
  ></menu-button>`;
}

function faces(job, items) {
  const more = items.length - FACES;
  return html`
    <button
      class="row-faces"
      aria-label=${t('job.open', { title: titleOf(job) })}
      @click=${() => viewer.open(items, items[0].output.id)}
    >
      ${items.slice(0, FACES).map(({ output }) => face(output))}
      ${more > 0 ? html`<span class="hint">+${more}</span>` : nothing}
    </button>
  `;
}

function face(output) {
  const kind = output.content_type.split('/')[0];
  if (kind !== 'image' && kind !== 'video') return html`<span class="row-face">${icon('file')}</span>`;
  const url = kind === 'image' ? `${thumbnailUrl(output)}?size=small` : `/api/assets/${output.id}/poster?size=small`;
  return html`<img class="row-face" src=${url} alt="" loading="lazy" />`;
}
