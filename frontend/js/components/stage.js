import { Element, html, nothing, repeat } from '../core/element.js';
import { spanText } from '../core/format.js';
import { t } from '../core/messages.js';
import { canOpenEditor } from '../models/editor.js';
import {
  contentUrl,
  hasEnded,
  isRunning,
  isWaiting,
  kindOf,
  percentOf,
  posterUrl,
  thumbnailUrl,
  titleOf,
} from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { areComparable, openCompare } from './compare.js';
import { icon } from './icons.js';
import { making } from './later.js';
import { itemsOf, statusText, tiles } from './tiles.js';

/** Before this part of a job its speed says little about the rest of it. */
const TELLING = 0.08;
const MOST_SHOWN = 120;
const MOST_WAITING = 20;
const SAY_EVERY_MS = 4000;

/** What is being made, large, and what was made lately below it. */
class ResultStage extends Element {
  static properties = { chosen: { state: true }, comparing: { state: true } };

  constructor() {
    super();
    /** The key of what somebody looks at; null follows what happens. */
    this.chosen = null;
    /** What is to be compared with the next one of its kind that is chosen. */
    this.comparing = null;
    this.watch(jobs);
  }

  connectedCallback() {
    super.connectedCallback();
    this.saying = setInterval(() => this.#say(), SAY_EVERY_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.saying);
  }

  /** Look at what was just started. */
  follow() {
    this.chosen = null;
    this.comparing = null;
  }

  get #own() {
    return jobs.all.filter((job) => job.user_id === session.user?.id);
  }

  /** Newest first; of those that wait, the next ones. */
  get entries() {
    const own = this.#own;
    const waiting = new Set(own.filter(isWaiting).slice(-MOST_WAITING));
    const failed = (job) => job.status === 'failed' && jobs.watched.has(job.id);
    const entries = own.flatMap((job) => {
      if (!hasEnded(job)) return isWaiting(job) && !waiting.has(job) ? [] : [{ key: job.id, job }];
      const items = itemsOf([job]).map((item) => ({ key: item.output.id, ...item }));
      return items.length || !failed(job) ? items : [{ key: job.id, job }];
    });
    return entries.slice(0, MOST_SHOWN);
  }

  /** What happens now: of what was asked for here last, or what came after that. */
  #latest(entries) {
    const asked = entries.filter(({ job }) => jobs.asked.has(job.id));
    if (asked.some(({ job }) => !hasEnded(job))) return nowOf(asked);
    return nowOf(asked.length ? entries.slice(0, entries.indexOf(asked[0]) + 1) : entries);
  }

  render() {
    const { entries } = this;
    if (!entries.length) return welcome();
    const here = entries.find(({ key }) => key === this.chosen) ?? this.#latest(entries);
    return html`
      <p class="unseen" role="status">${this.said}</p>
      <section class="result" aria-label=${t('making.results')}>
        <div class="result-main">${here.output ? picture(here, entries) : this.#job(here.job)}</div>
        ${here.output ? this.#actions(here, entries) : nothing}
        ${this.comparing ? html`<p class="hint" role="status">${t(`making.compareWith.${kindOf(this.comparing)}`)}</p>` : nothing}
        ${entries.length > 1
          ? html`<ul class="strip" aria-label=${t('making.recent')} @keydown=${walk}>
              ${repeat(
                entries,
                ({ key }) => key,
                (entry) => html`<li>${this.#thumb(entry, entry === here)}</li>`,
              )}
            </ul>`
          : nothing}
      </section>
    `;
  }

  /** For ears: how far the running job is now and then, and how it ended. */
  #say() {
    const own = this.#own;
    const watched = own.find((job) => job.id === this.saidId && hasEnded(job)) ?? own.find(isRunning);
    if (!watched) return;
    this.saidId = hasEnded(watched) ? null : watched.id;
    this.said = t('job.announce', { title: titleOf(watched), status: statusText(watched) });
    this.requestUpdate();
  }

  #job(job) {
    if (hasEnded(job)) return tiles([job], { failures: () => true });
    const left = leftText(job);
    return html`<job-tile .job=${job}></job-tile>
      <p class="hint eta">${left}</p>`;
  }

  #thumb(entry, isHere) {
    const { job, output } = entry;
    const title = titleOf(job);
    return html`
      <button
        type="button"
        class="thumb ${output ? '' : 'is-live'}"
        aria-current=${isHere ? 'true' : nothing}
        aria-label=${output ? t('making.show', { title }) : `${title} ${placeOf(job)}`.trim()}
        title=${title}
        @click=${() => this.#choose(entry)}
      >
        ${output ? face(output) : liveFace(job)}
      </button>
    `;
  }

  #choose({ key, output }) {
    const { comparing } = this;
    this.chosen = key;
    if (!comparing || !output || comparing.id === output.id || !areComparable(comparing, output)) return;
    this.comparing = null;
    openCompare(comparing, output);
  }

  #actions({ job, output }, entries) {
    const canCompare = entries.some((other) => other.output && other.output !== output && areComparable(output, other.output));
    const recall = (level) => () =>
      notices.attempt(async () => {
        const { recallJob } = await import('../models/recall.js');
        notices.say(t((await recallJob(job.id, level)) ? 'making.recalled' : 'making.noRecipe'));
      });
    return html`
      <div class="result-bar">
        <menu-button
          look="button"
          symbol="use"
          label=${t('making.recall')}
          .items=${[
            { label: t('making.recallAll'), run: recall('all') },
            { label: t('making.recallSeedless'), run: recall('seedless') },
            { label: t('making.recallPrompt'), run: recall('prompt') },
          ]}
        ></menu-button>
        ${canCompare
          ? html`<button
              type="button"
              class="only-wide"
              aria-pressed=${this.comparing ? 'true' : 'false'}
              @click=${() => (this.comparing = this.comparing ? null : output)}
            >
              ${icon('compare')}${t('making.compare')}
            </button>`
          : nothing}
        <a class="button" href=${contentUrl(output)} download=${output.name}>
          ${icon('download')}<span class="only-wide">${t('making.download')}</span>
          <span class="unseen only-narrow">${t('making.download')}</span>
        </a>
        <menu-button label=${t('making.pictureMenu', { title: titleOf(job) })} .items=${this.#items(job, output, canCompare)}>
        </menu-button>
      </div>
    `;
  }

  #items(job, output, canCompare) {
    const file = { asset: output.id, name: output.name, kind: kindOf(output) };
    const attempt = (run) => () => notices.attempt(run);
    return [
      canCompare && { label: t('making.compare'), icon: 'compare', run: () => (this.comparing = output) },
      {
        label: t('making.asInput'),
        icon: 'upload',
        run: attempt(async () => (await import('../models/recall.js')).useAsInput(file)),
      },
      ['image', 'video'].includes(kindOf(output)) && {
        label: t('create.saveAs'),
        icon: 'presets',
        run: attempt(async () => (await making()).openSave(null, output.id)),
      },
      session.can('graphs:run') && {
        label: t(canOpenEditor() ? 'making.openGraph' : 'making.graph'),
        icon: 'editor',
        run: attempt(async () => (await making()).openGraph(job)),
      },
    ];
  }
}

/** What runs, else what is next, else what was done last. */
const nowOf = (entries) =>
  entries.find(({ job }) => isRunning(job)) ?? entries.findLast(({ job }) => isWaiting(job)) ?? entries[0];

/** What a job of this kind took lately, and what this one has behind it. */
function leftText(job) {
  if (!isRunning(job) || !job.started_at) return '';
  const { value = 0 } = job.progress ?? {};
  const passed = Date.now() - new Date(job.started_at);
  const took = jobs.all.find((other) => other.workflow_id === job.workflow_id && other.metrics?.execution_ms);
  const total = value > TELLING ? passed / value : took?.metrics.execution_ms;
  if (!total || total - passed < 1000) return '';
  return t('making.left', { time: spanText(total - passed) });
}

function picture({ job, output }, entries) {
  const title = titleOf(job);
  const kind = kindOf(output);
  const items = entries.filter((entry) => entry.output).map((entry) => ({ job: entry.job, output: entry.output }));
  const open = () => viewer.open(items, output.id);
  if (kind === 'video') {
    return html`<video src=${contentUrl(output)} controls loop muted playsinline aria-label=${title}></video>`;
  }
  if (kind === 'audio') return html`<audio src=${contentUrl(output)} controls aria-label=${title}></audio>`;
  return html`
    <button type="button" class="tile is-picture" aria-label=${t('job.open', { title })} @click=${open}>
      ${kind === 'image'
        ? html`<img src=${contentUrl(output)} alt=${title} />`
        : html`<span class="tile-file">${icon('file')}<span>${output.name}</span></span>`}
    </button>
  `;
}

function face(output) {
  if (kindOf(output) === 'image') return html`<img src=${thumbnailUrl(output)} alt="" loading="lazy" />`;
  if (kindOf(output) === 'video') {
    return html`<img src=${posterUrl(output)} alt="" loading="lazy" />${icon('play')}`;
  }
  return icon('file');
}

function liveFace(job) {
  if (hasEnded(job)) return icon('warning');
  const preview = jobs.previews.get(job.id);
  return html`
    ${preview ? html`<img src=${preview} alt="" />` : nothing}
    <span>${placeOf(job)}</span>
  `;
}

/** How far a running job is, or where a waiting one stands. */
function placeOf(job) {
  if (hasEnded(job)) return '';
  return isRunning(job) ? `${percentOf(job)} %` : `${job.queue_position ?? ''}`;
}

/** Arrows lead from one thumbnail to the next. */
function walk(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const item = event.target.closest('li');
  const next = by < 0 ? item?.previousElementSibling : item?.nextElementSibling;
  if (!by || !next) return;
  event.preventDefault();
  next.firstElementChild.focus();
}

const welcome = () => html`
  <div class="empty">
    ${icon('create')}
    <h2>${t('making.emptyTitle')}</h2>
    <p>${t('making.empty')}</p>
  </div>
`;

customElements.define('result-stage', ResultStage);
