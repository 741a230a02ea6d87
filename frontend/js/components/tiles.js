import { Element, html, nothing, repeat } from '../core/element.js';
import { explain, t } from '../core/messages.js';
import { awaitedText } from '../models/awaited.js';
import {
  contentUrl,
  hasEnded,
  isRunning,
  isWaiting,
  kindOf,
  percentOf,
  picturesOf,
  thumbnailUrl,
  titleOf,
} from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';

export const positionText = (position) =>
  position === 1 ? t('job.next') : t('job.position', { position });

/** What stands beside a job's name: its place in line, its node and step, or how it ended. */
export function statusText(job) {
  const { progress } = job;
  if (job.cancel_requested_at && !hasEnded(job)) return t('job.canceling');
  if (isWaiting(job) && progress?.message) return awaitedText(job);
  if (isWaiting(job) && job.queue_position) return positionText(job.queue_position);
  if (isRunning(job) && progress?.current_node_class) {
    const step = progress.steps ? t('job.step', { step: progress.step, steps: progress.steps }) : '';
    return [nodeText(progress.current_node_class), step].filter(Boolean).join(', ');
  }
  return t(`job.${job.status}`);
}

/** "KSampler" stays; "VAEDecode" and "CheckpointLoaderSimple" get their spaces. */
const nodeText = (name) => name.replace(/([a-z0-9])([A-Z][a-z])/g, '$1 $2');

/** A job that has not ended: its preview, how far it is, and a way to stop it. */
class JobTile extends Element {
  static properties = { job: { attribute: false } };

  constructor() {
    super();
    this.watch(jobs);
  }

  render() {
    const { job } = this;
    const preview = jobs.previews.get(job.id);
    const title = titleOf(job);
    return html`
      <div class="tile is-busy">
        ${preview
          ? html`<img class="preview" src=${preview} alt="" />`
          : html`<div class="shimmer ${isRunning(job) ? 'is-moving' : ''}"></div>`}
        <div class="tile-words">
          <span class="tile-title">${title}</span>
          <span class="tile-status">${statusText(job)}</span>
          <progress
            aria-label=${title}
            max="100"
            .value=${isWaiting(job) ? 0 : percentOf(job)}
          ></progress>
        </div>
        <button
          class="round tile-action"
          aria-label=${t('job.cancel', { title })}
          title=${t('shell.cancel')}
          ?disabled=${Boolean(job.cancel_requested_at)}
          @click=${() => notices.attempt(() => jobs.cancel(job.id))}
        >
          ${icon('close')}
        </button>
      </div>
    `;
  }
}

customElements.define('job-tile', JobTile);

/** A job that ended without anything to look at. */
function failureTile(job) {
  const why = job.error ? explain(job.error) : t('job.noPicture');
  const message = job.error?.code === 'node_execution_error' ? job.error.message : why;
  return html`
    <div class="tile is-failed">
      <div class="tile-words">
        <span class="tile-title">${titleOf(job)}</span>
        <span class="tile-message">${message}</span>
        ${job.error ? html`<code>${job.error.code}</code>` : nothing}
        ${session.can('graphs:run')
          ? html`<button @click=${() => notices.attempt(() => jobs.retry(job.id, false))}>
              ${icon('again')}${t('job.again')}
            </button>`
          : nothing}
      </div>
    </div>
  `;
}

function outputTile({ job, output }, name, open) {
  const title = titleOf(job);
  const label = name ? t('job.openOf', { title, name }) : t('job.open', { title });
  return html`
    <button class="tile is-picture" aria-label=${label} @click=${open}>
      ${face(output, title)}${name ? html`<span class="tile-owner">${name}</span>` : nothing}
    </button>
  `;
}

function face(output, title) {
  const kind = kindOf(output);
  if (kind === 'image') {
    return html`<img src=${thumbnailUrl(output)} alt=${title} loading="lazy" @error=${whole(output)} />`;
  }
  if (kind === 'video') {
    return html`<video src=${contentUrl(output)} muted playsinline preload="metadata"></video>`;
  }
  return html`<span class="tile-file">${icon('file')}<span>${output.name}</span></span>`;
}

/** A picture without a thumbnail is shown as it is; that may fail as well, but only once. */
function whole(output) {
  return ({ target }) => {
    const url = contentUrl(output);
    if (!target.src.endsWith(url)) target.src = url;
  };
}

/**
 * Tiles of these jobs in their order: pictures, what is under way, and failures if asked for.
 *
 * @param nameOf whose a job is, where that is to be said
 */
export function tiles(list, { failures = () => false, nameOf = () => '' } = {}) {
  const items = itemsOf(list);
  const shown = list.flatMap((job) => {
    if (!hasEnded(job)) return [{ key: job.id, job }];
    const pictures = shownOf(job).map((output) => ({ key: output.id, job, output }));
    return pictures.length || !failures(job) ? pictures : [{ key: job.id, job, hasFailed: true }];
  });
  return html`
    <div class="tiles">
      ${repeat(
        shown,
        ({ key }) => key,
        (each) => {
          if (each.output) {
            return outputTile(each, nameOf(each.job), () => viewer.open(items, each.output.id));
          }
          return each.hasFailed ? failureTile(each.job) : html`<job-tile .job=${each.job}></job-tile>`;
        },
      )}
    </div>
  `;
}

export function itemsOf(list) {
  return list.flatMap((job) => shownOf(job).map((output) => ({ job, output })));
}

const shownOf = (job) => picturesOf(job).filter(({ id }) => !jobs.deleted.has(id));
