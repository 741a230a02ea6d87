import { Element, html, live, nothing, repeat } from '../core/element.js';
import { t } from '../core/messages.js';
import { inWords } from '../core/shipped.js';
import { kept } from '../core/store.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { readinessMark } from '../components/readiness.js';
import { addressOf, menuOf } from '../components/workflow_actions.js';
import { agoText } from '../core/format.js';
import { feed } from '../models/feed.js';
import { posterUrl, thumbnailUrl } from '../models/job.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { mayBring, workflows } from '../models/workflows.js';

/** A list this old is asked for again when somebody comes back to it: models come and go. */
const STALE_MS = 10_000;
const WHOSE = ['all', 'mine', 'shared', 'shipped'];
const STATES = ['all', 'ready', 'missing'];
const SKELETONS = [0, 1, 2, 3, 4, 5];
/** What a picture of each kind stands for, by the words that categories are made of. */
const SYMBOLS = [
  [/to-video|video/, 'play'],
  [/text-to|^text/, 'create'],
  [/inpaint|edit/, 'use'],
  [/upscale/, 'custom'],
  [/image|picture/, 'library'],
];

/** The newest picture or video that was made with it, else what it is for. */
export const faceOf = ({ category, cover, cover_kind: kind }) =>
  cover
    ? html`<img
        class="flow-symbol"
        alt=""
        loading="lazy"
        src="${(kind === 'video' ? posterUrl : thumbnailUrl)({ id: cover })}?size=small"
      />`
    : html`<span class="flow-symbol">
        ${icon(SYMBOLS.find(([test]) => test.test(category))?.[1] ?? 'workflows')}
      </span>`;
export const categoryText = (category) => {
  const text = category.replaceAll('-', ' ');
  return inWords(text.charAt(0).toUpperCase() + text.slice(1));
};
const isMine = ({ owner }) => owner !== null && owner === session.user?.id;
export const whoseText = (workflow) => {
  if (workflow.shipped) return t('workflows.isShipped');
  if (isMine(workflow)) return t(workflow.shared ? 'workflows.isMineShared' : 'workflows.isMine');
  return t('workflows.isShared');
};

/** Everything that can be run, as cards. */
class WorkflowList extends Element {
  constructor() {
    super();
    this.watch(workflows, session, feed);
    this.filter = { q: '', category: '', state: 'all', whose: 'all', trash: false, ...kept.get('workflows', {}) };
    this.onReturn = () => this.#refresh();
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this.onReturn);
    this.#refresh();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this.onReturn);
  }

  #refresh() {
    if (document.visibilityState !== 'visible' || Date.now() - (this.loadedAt ?? 0) < STALE_MS) return;
    this.loadedAt = Date.now();
    workflows.load(this.filter.trash);
    if (this.filter.trash && !workflows.items) workflows.load();
  }

  #set(facts) {
    this.filter = { ...this.filter, ...facts };
    kept.set('workflows', this.filter);
    if ('trash' in facts) workflows.load(facts.trash);
    this.requestUpdate();
  }

  #found() {
    const { q, category, state, whose, trash } = this.filter;
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (each) =>
      [each.name, each.description, each.category, each.group, each.base_model, each.author, ...each.tags]
        .join(' ')
        .toLowerCase();
    const isWanted = {
      all: () => true,
      mine: isMine,
      shared: (each) => !each.shipped && each.shared,
      shipped: (each) => each.shipped,
    };
    return (trash ? workflows.trashed : workflows.items)?.filter(
      (each) =>
        (!category || each.category === category) &&
        (state === 'all' || each.readiness.state === state) &&
        (isWanted[whose] ?? isWanted.all)(each) &&
        words.every((word) => text(each).includes(word)),
    );
  }

  render() {
    const found = this.#found();
    const { trash } = this.filter;
    return html`
      <div class="view flows">
        <header class="view-head">
          <h1>${t(trash ? 'workflows.trashTitle' : 'workflows.title')}</h1>
          ${mayBring()
            ? html`<a class="button primary" href="#/workflows/new">${icon('upload')}${t('workflows.new')}</a>`
            : nothing}
        </header>
        ${this.#filters()} ${workflows.error && !found ? this.#failed() : nothing}
        ${trash ? nothing : faults()}
        <p class="unseen" role="status">
          ${found ? t('workflows.foundCount', { count: found.length }) : t('shell.loading')}
        </p>
        ${found && !found.length ? this.#empty() : nothing}
        <ul class="flow-cards" aria-busy=${found ? 'false' : 'true'}>
          ${found || workflows.error
            ? repeat(found ?? [], ({ id }) => id, (each) => (trash ? this.#trashed(each) : card(each)))
            : SKELETONS.map(() => html`<li class="flow-card is-loading" aria-hidden="true"></li>`)}
        </ul>
      </div>
    `;
  }

  #failed() {
    return html`<div class="problem" role="alert">
      ${errorText(workflows.error)}
      <button @click=${() => workflows.load(this.filter.trash)}>${icon('again')}${t('shell.tryAgain')}</button>
    </div>`;
  }

  #filters() {
    const { q, category, state, whose, trash } = this.filter;
    const known = (workflows.items ?? []).map((each) => each.category).filter(Boolean);
    const categories = [...new Set(known)].sort();
    const choice = (label, value, options, name) => html`
      <label>
        <span class="unseen">${label}</span>
        <select class=${value && value !== 'all' ? 'is-set' : ''} @change=${({ target }) => this.#set({ [name]: target.value })}>
          ${options.map(
            ([key, text]) => html`<option value=${key} .selected=${live(key === value)}>${text}</option>`,
          )}
        </select>
      </label>
    `;
    return html`
      <search class="flow-filters">
        <label class="flow-search">
          <span class="unseen">${t('workflows.search')}</span>
          ${icon('search')}
          <input
            type="search"
            placeholder=${t('workflows.search')}
            .value=${live(q)}
            @input=${({ target }) => this.#set({ q: target.value })}
          />
        </label>
        ${choice(
          t('workflows.category'),
          category,
          [['', t('workflows.everyCategory')], ...categories.map((each) => [each, categoryText(each)])],
          'category',
        )}
        ${choice(t('workflows.readiness'), state, STATES.map((each) => [each, t(`workflows.show.${each}`)]), 'state')}
        ${choice(t('workflows.whose'), whose, WHOSE.map((each) => [each, t(`workflows.whose.${each}`)]), 'whose')}
        <button class="bare" aria-pressed=${trash ? 'true' : 'false'} @click=${() => this.#set({ trash: !trash })}>
          ${icon('remove')}${t('workflows.trashTitle')}
        </button>
      </search>
    `;
  }

  #empty() {
    const { q, category, state, whose, trash } = this.filter;
    const isFiltered = q || category || state !== 'all' || whose !== 'all';
    if (trash && !isFiltered) return html`<div class="empty">${icon('remove')}<p>${t('workflows.trashEmpty')}</p></div>`;
    const reset = () => this.#set({ q: '', category: '', state: 'all', whose: 'all' });
    return html`
      <div class="empty">
        ${icon('workflows')}
        <h2>${t(isFiltered ? 'workflows.nothing' : 'workflows.none')}</h2>
        ${isFiltered
          ? html`<button @click=${reset}>${t('workflows.reset')}</button>`
          : html`<p>${t('workflows.noneHelp')}</p>`}
      </div>
    `;
  }

  #trashed(workflow) {
    return html`
      <li class="flow-card">
        <h2>${workflow.name}</h2>
        <p class="hint">${t('workflows.trashedAt', { time: agoText(workflow.trashed_at) })}</p>
        <footer>
          <button @click=${() => notices.attempt(() => workflows.takeBack(workflow.id))}>
            ${icon('again')}${t('workflows.takeBack')}
          </button>
        </footer>
      </li>
    `;
  }
}

/** Folders that could not be read; only the owner is told. */
function faults() {
  return workflows.faults.length
    ? html`<details class="flow-faults">
        <summary>${icon('warning')}${t('workflows.faults', { count: workflows.faults.length })}</summary>
        <ul>
          ${workflows.faults.map((fault) => html`<li><code>${fault.folder}</code> ${fault.message}</li>`)}
        </ul>
      </details>`
    : nothing;
}

function card(workflow) {
  return html`
    <li class="flow-card">
      <div class="flow-top">
        ${faceOf(workflow)}
        <a class="flow-open" href=${addressOf(workflow.id)}>
          <h2>${workflow.name}</h2>
          <p class="hint">
            ${[workflow.category && categoryText(workflow.category), workflow.base_model].filter(Boolean).join(' · ')}
          </p>
        </a>
        <menu-button
          label=${t('workflows.actionsFor', { name: workflow.name })}
          .items=${menuOf(workflow)}
        ></menu-button>
      </div>
      <p class="flow-description">${workflow.description}</p>
      <footer>
        ${readinessMark(workflow.readiness)}
        <span class="hint">
          ${workflow.update_available ? html`<strong class="flag">${t('workflows.update')}</strong>` : nothing}
          ${whoseText(workflow)} · ${t('workflows.versionShort', { number: workflow.version })}
        </span>
      </footer>
    </li>
  `;
}

customElements.define('workflow-list', WorkflowList);
