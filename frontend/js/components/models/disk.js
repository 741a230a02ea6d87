import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { agoText, listText, sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { mayFetch } from '../../models/downloads.js';
import { notices } from '../../models/notices.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';
import { removeModel } from './removal.js';
import { fileAddress, nameParts } from './rows.js';

const LISTS = ['damaged', 'duplicates', 'unused'];
/** What can go that is no model, and where that is done; what has no place goes by itself. */
const WAYS = { trash: '#/library/trashed=1', downloads: '#/models/downloads', cache: '', thumbs: '' };
const SHOWN = 12;

/** One volume as a bar: what of it is used, and unless that is plain, what lies there. */
export function volumeBar({ roles, total_bytes: total, free_bytes: free, level }, isNamed = true) {
  const names = listText(roles.map((role) => t(`models.role.${role.replaceAll(' ', '-')}`)));
  const used = Math.max(0, total - free);
  return html`
    <div class="volume ${level ? `is-${level}` : ''}">
      <p>
        <strong>${t('models.free', { free: sizeText(free), total: sizeText(total) })}</strong>
        ${level ? html`<span class="mark is-bad">${t(`models.level.${level}`)}</span>` : nothing}
        ${isNamed ? html`<span class="hint">${names}</span>` : nothing}
      </p>
      <progress
        max=${total}
        .value=${used}
        aria-label=${t('models.usedOf', { names })}
        aria-valuetext=${t('models.percent', { count: Math.round((used / total) * 100) })}
      ></progress>
    </div>
  `;
}

/** What uses how much of the disks, and what could go. */
class ModelDisk extends Element {
  constructor() {
    super();
    this.disk = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.load();
  }

  load = async () => {
    try {
      this.disk = await api.get('/api/models/disk');
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  };

  render() {
    const { disk, error } = this;
    if (error) {
      return html`<div class="problem" role="alert">
        ${errorText(error)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
      </div>`;
    }
    if (!disk) return html`<p class="hint" role="status">${t('shell.loading')}</p>`;
    return html`
      <section class="card" aria-labelledby="disk-volumes">
        <h2 id="disk-volumes">${t('models.volumes')}</h2>
        ${disk.volumes.map((volume) => volumeBar(volume))}
      </section>
      <div class="model-columns">
        <section class="card" aria-labelledby="disk-usage">
          <h2 id="disk-usage">${t('models.usage')}</h2>
          ${bars(Object.entries(disk.usage).map(([name, bytes]) => [t(`models.usage.${name}`), bytes]))}
        </section>
        <section class="card" aria-labelledby="disk-types">
          <h2 id="disk-types">${t('models.byFolder')}</h2>
          ${disk.models.by_folder.length
            ? bars(disk.models.by_folder.map(({ folder, bytes }) => [folder, bytes]))
            : html`<p class="hint">${t('models.none')}</p>`}
        </section>
      </div>
      ${this.#canGo(disk.reclaimable)}
      ${this.#files(t('models.largest'), t('models.largestHelp'), disk.models.largest.slice(0, SHOWN), 'largest')}
      ${LISTS.map((name) =>
        this.#files(t(`models.${name}`), t(`models.${name}Help`), disk.reclaimable[name], name),
      )}
    `;
  }

  /** Other things that take room and need not. */
  #canGo(reclaimable) {
    const shown = Object.entries(WAYS).filter(([name]) => reclaimable[name] > 0);
    if (!shown.length) return nothing;
    return html`
      <section class="card" aria-labelledby="disk-can-go">
        <h2 id="disk-can-go">${t('models.canGo')}</h2>
        <ul class="rows">
          ${shown.map(
            ([name, place]) => html`
              <li class="row">
                <div class="row-words">
                  <span class="row-title">${t(`models.usage.${name}`)} · ${sizeText(reclaimable[name])}</span>
                  <span class="hint">${t(`models.canGo.${name}`)}</span>
                </div>
                ${place ? html`<a class="button" href=${place}>${t('models.canGoShow')}</a>` : nothing}
                ${name === 'cache' && mayFetch()
                  ? html`<button @click=${() => this.#empty()}>${icon('remove')}${t('models.emptyCache')}</button>`
                  : nothing}
              </li>
            `,
          )}
        </ul>
      </section>
    `;
  }

  #empty() {
    return notices.attempt(async () => {
      const { freed_bytes: freed } = await api.remove('/api/models/cache');
      notices.say(t('models.cacheEmptied', { size: sizeText(freed) }));
      await this.load();
    });
  }

  #files(title, help, files, name) {
    if (!files.length) return nothing;
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    return html`
      <section class="card" aria-labelledby=${`disk-${name}`}>
        <h2 id=${`disk-${name}`}>${title} <small>${sizeText(total)}</small></h2>
        <p class="hint">${help}</p>
        <ul class="rows">
          ${files.map((file) => html`<li class="row model">${this.#file(file)}</li>`)}
        </ul>
      </section>
    `;
  }

  #file(file) {
    const [name] = nameParts(file.name);
    const remove = async () => {
      if (await removeModel(file)) this.load();
    };
    return html`
      <div class="row-words">
        <a class="model-open" href=${fileAddress(file.id)} title=${file.name}>
          <span class="row-title">${name}</span>
          <span class="hint">
            ${[
              file.folder,
              sizeText(file.bytes),
              file.used_at ? t('models.usedAgo', { time: agoText(new Date(file.used_at).toISOString()) }) : t('models.neverUsed'),
              file.workflows.length ? t('models.neededBy', { count: file.workflows.length }) : '',
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </a>
      </div>
      ${mayFetch()
        ? html`<button class="round" aria-label=${t('models.deleteOf', { name })} title=${t('models.delete')} @click=${remove}>
            ${icon('remove')}
          </button>`
        : nothing}
    `;
  }
}

/** Amounts beside each other, the largest first; of nothing nothing is said. */
function bars(amounts) {
  const shown = amounts.filter(([, bytes]) => bytes > 0).sort((a, b) => b[1] - a[1]);
  const most = shown[0]?.[1] ?? 1;
  return html`
    <dl class="bars">
      ${shown.map(
        ([name, bytes]) => html`<div>
          <dt>${name}</dt>
          <dd>${sizeText(bytes)}</dd>
          <progress aria-hidden="true" max=${most} .value=${bytes}></progress>
        </div>`,
      )}
    </dl>
  `;
}

customElements.define('model-disk', ModelDisk);
