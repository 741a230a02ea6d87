import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { sizeText, spanText } from '../core/format.js';
import { language, t } from '../core/messages.js';
import { feed } from '../models/feed.js';
import { session } from '../models/session.js';
import { errorText } from '../components/form.js';
import { icon } from '../components/icons.js';
import { ring } from '../components/ring.js';
import '../components/engine_card.js';
import '../components/updates_card.js';
import '../components/system/backups.js';
import '../components/system/history.js';
import '../components/system/log.js';
import '../components/system/stop.js';
import '../components/node_packs.js';

/* While nothing comes live it is asked for. */
const LOOK_MS = 5000;
const PERCENT = 100;
/** Warnings for programs; people are told what the one means, and the card for updates tells the other. */
const NOT_ISOLATED = 'no isolation';
const TAKEN_BACK = 'the last update was taken back';

/** How the machine and its engines are. */
class SystemView extends Element {
  constructor() {
    super();
    this.system = null;
    this.error = null;
    this.unfollow = [];
    this.watch(feed);
  }

  connectedCallback() {
    super.connectedCallback();
    if (!session.isOwner) return;
    this.unfollow = [
      feed.follow('machine', (_event, system) => this.#set(system)),
      feed.follow('engines', (_event, { engines }) => this.#setEngines(engines)),
    ];
    this.timer = setInterval(() => this.#look(), LOOK_MS);
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const leave of this.unfollow) leave();
    clearInterval(this.timer);
  }

  async #look() {
    if (feed.isLive || document.visibilityState !== 'visible') return;
    try {
      this.#set(await api.get('/api/system'));
    } catch (error) {
      this.error = error;
      this.requestUpdate();
    }
  }

  #set(system) {
    this.system = system;
    this.error = null;
    this.requestUpdate();
  }

  /** What is told of engines at once says less of each than what is asked for. */
  #setEngines(engines) {
    if (!this.system) return;
    const known = new Map(this.system.engines.map((engine) => [engine.name, engine]));
    const joined = engines.map((engine) => ({ ...known.get(engine.name), ...engine }));
    this.system = { ...this.system, engines: joined };
    this.requestUpdate();
  }

  render() {
    const { system, error } = this;
    if (!session.isOwner) {
      return html`<div class="empty" role="alert">${icon('system')}<p>${t('system.ownersOnly')}</p></div>`;
    }
    return html`
      <div class="view system">
        <header class="view-head">
          <h1>${t('shell.views.system')}</h1>
          <a class="button" href="/api/system/diagnostics" download title=${t('system.diagnosticsHelp')}>
            ${icon('download')}${t('system.diagnostics')}
          </a>
        </header>
        ${error ? html`<div role="alert">${errorText(error)}</div>` : nothing}
        ${system ? body(system) : error ? nothing : html`<div class="card skeleton" aria-busy="true"></div>`}
      </div>
    `;
  }
}

function body(system) {
  const { queue, engines, versions } = system;
  return html`
    ${system.warnings
      .filter((text) => text !== TAKEN_BACK)
      .map((text) => (text === NOT_ISOLATED ? isolation() : warning(text)))}
    <section class="rings" aria-label=${t('system.use')}>
      ${system.gpu.map((gpu) => gpuRings(gpu, system.gpu.length > 1))} ${machineRings(system)} ${disksOf(system).map(diskRing)}
    </section>
    <system-history></system-history>
    <section class="totals card" aria-label=${t('system.queue')}>
      ${['queued', 'running', 'canceling'].map(
        (name) => html`<div><strong>${queue[name]}</strong><span>${t(`system.totals.${name}`)}</span></div>`,
      )}
      <div><strong>${spanText(system.uptime_s * 1000)}</strong><span>${t('system.uptime')}</span></div>
    </section>
    ${engines.length ? nothing : html`<p class="hint">${t('system.noEngine')}</p>`}
    ${engines.map((engine) => html`<engine-card .engine=${engine}></engine-card>`)}
    <updates-card></updates-card>
    <node-packs></node-packs>
    <system-stop></system-stop>
    <system-backups></system-backups>
    <system-log></system-log>
    ${startOf(system.start)}
    <section class="card">
      <h2>${t('system.versions')}</h2>
      <dl class="versions">
        ${Object.entries(versions)
          .filter(([, version]) => version)
          .map(([name, version]) => row(name, version))}
      </dl>
    </section>
  `;
}

/** How long the last start took, and where the time went. */
function startOf({ phases, page_s: page, ready_s: ready, release }) {
  return html`
    <section class="card start">
      <h2>${t('system.start')}</h2>
      <p>
        ${t('system.pageAfter', { span: seconds(page) })}
        ${ready === null ? t('system.engineLoads') : t('system.readyAfter', { span: seconds(ready) })}
      </p>
      <dl class="versions">
        ${phases.map(({ name, seconds: took }) => row(t(`system.phases.${name}`), seconds(took)))}
        ${release ? row(t('system.release'), release) : nothing}
      </dl>
    </section>
  `;
}

const row = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
const SECONDS = new Intl.NumberFormat(language, {
  style: 'unit',
  unit: 'second',
  unitDisplay: 'narrow',
  maximumFractionDigits: 2,
});
const seconds = (number) => SECONDS.format(number);

const warning = (content) =>
  html`<p class="banner is-warning">${icon('warning')}<span>${content}</span></p>`;

const isolation = () =>
  warning(html`
    <strong>${t('system.notIsolated')}</strong> ${t('system.notIsolatedMeans')}
    ${t('system.notIsolatedHelps')} <code>SECURITY.md</code>
  `);

const share = (used, total) => (total ? Math.round((used / total) * PERCENT) : 0);
const ofTotal = (used, total) => t('system.of', { used: sizeText(used), total: sizeText(total) });

/** Of several the number is said: they are often alike. */
function gpuRings(gpu, areSeveral) {
  const { index, name, memory_total_bytes: total, memory_used_bytes: used } = gpu;
  const memory = areSeveral ? t('system.gpuMemoryOf', { index }) : t('system.gpuMemory');
  const facts = [
    gpu.engine,
    gpu.temperature_c !== null && `${gpu.temperature_c} °C`,
    gpu.power_w !== null && `${Math.round(gpu.power_w)} W`,
  ].filter(Boolean);
  return html`
    ${gpu.load_percent === null
      ? nothing
      : ring({ label: areSeveral ? t('system.gpuOf', { index, name }) : name, percent: gpu.load_percent, detail: facts.join(' · ') })}
    ${total ? ring({ label: memory, percent: share(used, total), detail: ofTotal(used, total) }) : nothing}
  `;
}

function machineRings({ memory, cpu }) {
  return html`
    ${memory
      ? ring({
          label: t('system.memory'),
          percent: share(memory.used, memory.total),
          detail: ofTotal(memory.used, memory.total),
        })
      : nothing}
    ${ring({
      label: t('system.cpu'),
      percent: Math.min(PERCENT, share(cpu.load_1m, cpu.count)),
      detail: t('system.load', { load: Math.round(cpu.load_1m * 10) / 10, count: cpu.count }),
    })}
  `;
}

/** Folders that lie on one disk share its ring. */
function disksOf({ disks }) {
  const found = new Map();
  for (const disk of disks) {
    const key = `${disk.total_bytes} ${disk.free_bytes}`;
    const same = found.get(key) ?? { ...disk, roles: [], used_by_studio_bytes: 0 };
    same.roles.push(disk.role);
    same.used_by_studio_bytes += disk.used_by_studio_bytes;
    found.set(key, same);
  }
  return [...found.values()];
}

function diskRing({ roles, total_bytes: total, free_bytes: free, used_by_studio_bytes: own }) {
  return ring({
    label: roles.length > 1 ? t('system.disk') : t(`system.disks.${roles[0]}`),
    percent: share(total - free, total),
    part: share(own, total),
    detail: t('system.free', { free: sizeText(free), own: sizeText(own) }),
  });
}

customElements.define('system-view', SystemView);
