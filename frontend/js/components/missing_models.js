import { Element, html, nothing, repeat } from '../core/element.js';
import { sizeText } from '../core/format.js';
import { explain, t } from '../core/messages.js';
import { downloads, mayFetch } from '../models/downloads.js';
import { Needs, canMove, canTake, offerOf } from '../models/needs.js';
import { notices } from '../models/notices.js';
import { session } from '../models/session.js';
import { downloadRow, reason, sourceOf, wayOut } from './download_row.js';
import { icon } from './icons.js';

const LOOK_AGAIN_MS = 2000;
/** An engine that has not listed a file after so many looks needs more than patience. */
const MOST_LOOKS = 30;
const HUBS = { huggingface: 'Hugging Face', civitai: 'Civitai' };

/** The models that a workflow lacks: what each is, where it can be had, and how it comes. */
class MissingModels extends Element {
  static properties = {
    ask: { attribute: false },
    onChange: { attribute: false },
    isQuiet: { attribute: false },
  };

  constructor() {
    super();
    this.needs = new Needs();
    this.looks = 0;
    this.watch(this.needs, downloads);
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    downloads.addEventListener('arrived', this.#onArrived);
    this.timer = setInterval(() => this.#lookAgain(), LOOK_AGAIN_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    downloads.removeEventListener('arrived', this.#onArrived);
    clearInterval(this.timer);
  }

  willUpdate(changed) {
    if (!changed.has('ask')) return;
    const question = JSON.stringify(this.ask);
    if (question === this.question) return;
    this.question = question;
    this.looks = MOST_LOOKS;
    this.needs.ask(this.ask);
  }

  #onArrived = ({ detail }) => {
    if (!this.needs.note(detail)) return;
    this.looks = MOST_LOOKS;
    this.#lookAgain();
  };

  /** What has come is listed in a moment, and an engine asked a moment later. */
  #lookAgain() {
    const { needs } = this;
    const isUnlisted = !this.isQuiet && needs.models && !needs.lacking.length;
    const isWaiting = needs.error || needs.arrived.size || isUnlisted;
    if (!isWaiting || this.looks <= 0) return;
    this.looks -= 1;
    needs.load();
    this.onChange?.();
  }

  updated() {
    this.hidden = this.isQuiet && !this.needs.lacking.length && !this.needs.different.length;
    this.classList.toggle('card', this.isQuiet);
  }

  render() {
    const { needs } = this;
    if (!needs.models) {
      return needs.error
        ? html`<p class="hint" role="status">${explain(needs.error)}</p>`
        : html`<p class="hint" role="status">${t('needs.looking')}</p>`;
    }
    const { lacking, different } = needs;
    return html`
      ${lacking.length ? this.#head(lacking) : html`<p role="status">${t('needs.allHere')}</p>`}
      <ul class="rows">
        ${repeat(lacking, ({ folder, file }) => `${folder}/${file}`, (need) => this.#row(need))}
        ${different.map(
          ({ file }) => html`<li class="row"><div class="row-words">
            <span class="row-title">${file}</span><span class="hint">${t('needs.different')}</span>
          </div></li>`,
        )}
      </ul>
      ${this.#hubs()}
    `;
  }

  #head(lacking) {
    const { installable, freeBytes } = this.needs;
    const sizes = installable.map((need) => this.needs.sizeOf(need));
    const total = sizes.reduce((sum, size) => sum + (size ?? 0), 0);
    const isFull = freeBytes !== null && total > freeBytes;
    const [count, all] = [installable.length, lacking.length];
    const size = total && t(sizes.includes(null) ? 'needs.atLeast' : 'needs.exactly', { size: sizeText(total) });
    return html`
      <div class="needs-head">
        <p role="status">${t('needs.lacks', { count: lacking.length })} ${mayFetch() ? nothing : t('needs.askOwner')}</p>
        ${mayFetch() && installable.length
          ? html`<button type="button" class="primary" @click=${() => this.needs.installAll()}>
              ${icon('download')}${t(count < all ? 'needs.installSome' : 'needs.installAll', { count, total: all })} ${size ? html`<small>${size}</small>` : nothing}
            </button>`
          : nothing}
      </div>
      ${installable.length && freeBytes !== null && mayFetch()
        ? html`<p class=${isFull ? 'needs-full' : 'hint'}>
            ${isFull ? icon('warning') : nothing}${t(isFull ? 'needs.noRoom' : 'needs.room', { size: sizeText(freeBytes) })}
          </p>`
        : nothing}
    `;
  }

  #row(need) {
    const download = this.needs.downloadOf(need);
    if (download) return html`<li class="row download">${downloadRow(download)}</li>`;
    const { file, folder } = need;
    const refusal = this.needs.refused.get(file);
    const size = this.needs.sizeOf(need);
    const place = folder ?? offerOf(need)?.folder;
    return html`
      <li class="row download">
        <div class="row-words">
          <span class="row-title" title=${file}>${file}</span>
          <span class="hint">
            ${[place ? `models/${place}` : t('needs.noFolder'), size && sizeText(size)].filter(Boolean).join(' · ')}
          </span>
          ${this.needs.arrived.has(file) ? html`<span class="hint">${t('needs.came')}</span>` : this.#facts(need)}
          ${refusal ? html`<span class="row-reason">${reason(refusal)}</span>` : nothing}
        </div>
        ${refusal ? wayOut(refusal) : nothing} ${this.needs.arrived.has(file) ? nothing : this.#acts(need)}
      </li>
    `;
  }

  /** How it is known, and what to mind before it is fetched. */
  #facts(need) {
    const { state, found, file, disagree } = need;
    const offer = need.install ? offerOf(need) : null;
    const licence = this.needs.licenceOf(need);
    const lines = [
      state === 'damaged' && t('needs.damaged'),
      state === 'elsewhere' &&
        t(found.match === 'hash' ? 'needs.sameElsewhere' : 'needs.nameElsewhere', { place: `${found.folder}/${found.name}` }),
      offer && (licence ? `${matchText(offer)} · ${t('needs.licence', { name: licence })}` : matchText(offer)),
      disagree && t('needs.disagree'),
      state === 'elsewhere' && found.name !== file && t('needs.chooseThat'),
    ].filter(Boolean);
    return html`
      ${lines.map((line) => html`<span class="hint">${line}</span>`)}
      ${offer?.gated
        ? html`<span class="hint">
            ${t('needs.gated')} ${pageLink(offer)}
            ${session.can('admin') ? html`<a class="link" href="#/settings/services">${t('needs.token')}</a>` : nothing}
          </span>`
        : nothing}
      ${need.install || state === 'elsewhere' ? nothing : this.#offers(need)}
    `;
  }

  /** What a hub found by name alone: somebody has to say that it is this one. */
  #offers(need) {
    const { offers } = need;
    if (!offers.length) return this.needs.wasSearched ? this.#byLink(need) : html`<span class="hint">${t('needs.unknown')}</span>`;
    return html`
      <span class="hint">${t('needs.choose')}</span>
      <ul class="needs-offers">
        ${offers.map(
          (offer) => html`<li>
            <span>
              ${offer.title || offer.name}
              <span class="hint">
                ${[HUBS[offer.source] ?? sourceOf(offer), offer.size_bytes && sizeText(offer.size_bytes), offer.license]
                  .filter(Boolean)
                  .join(' · ')}
              </span>
              ${pageLink(offer)}
            </span>
            ${mayFetch() && canTake(need, offer)
              ? html`<button
                  type="button"
                  aria-label=${t('needs.installFrom', { name: offer.title || offer.name, file: need.file })}
                  @click=${() => this.needs.install(need, offer)}
                >
                  ${t('needs.installThis')}
                </button>`
              : nothing}
          </li>`,
        )}
      </ul>
    `;
  }

  /** Nobody who was asked has it: whoever looks at it may know better. */
  #byLink(need) {
    const { file, folder } = need;
    if (!folder || !mayFetch()) return html`<span class="hint">${t('needs.nobody')} ${t('needs.nobodyPlace')}</span>`;
    const install = (field) => field.value.trim() && this.needs.install(need, { reference: field.value.trim(), sha256: need.sha256 });
    // It may stand inside a form, which is not to be sent for it.
    const onKey = (event) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      install(event.target);
    };
    return html`
      <span class="hint">${t('needs.nobody')} ${t('needs.nobodyLink')}</span>
      <span class="needs-link">
        <input
          inputmode="url"
          autocomplete="off"
          spellcheck="false"
          aria-label=${t('needs.linkFor', { file })}
          placeholder=${t('needs.link')}
          @keydown=${onKey}
        />
        <button
          type="button"
          aria-label=${t('needs.installLink', { file })}
          @click=${({ currentTarget }) => install(currentTarget.previousElementSibling)}
        >
          ${t('needs.install')}
        </button>
      </span>
    `;
  }

  #acts(need) {
    if (!mayFetch()) return nothing;
    const { file } = need;
    if (canMove(need)) {
      return html`<button
        type="button"
        aria-label=${t('needs.moveOf', { name: file })}
        @click=${() => notices.attempt(() => this.needs.move(need))}
      >
        ${t('needs.move')}
      </button>`;
    }
    if (!need.install) return nothing;
    return html`<button type="button" aria-label=${t('needs.installOf', { name: file })} @click=${() => this.needs.install(need)}>
      ${icon('download')}${t('needs.install')}
    </button>`;
  }

  /** Where nothing else knows a file, the hubs may; they are asked only when somebody says so. */
  #hubs() {
    const { unknown, unsized, isSearching, wasSearched, failures } = this.needs;
    const isUnknown = unknown.length > 0 && !wasSearched;
    const label = isSearching ? 'needs.searching' : isUnknown ? 'needs.search' : 'needs.askSizes';
    return html`
      ${mayFetch() && (isUnknown || unsized.length || isSearching)
        ? html`<button type="button" aria-disabled=${isSearching ? 'true' : nothing} @click=${() => isSearching || this.needs.askHubs()}>
            ${icon('search')}${t(label, { count: unsized.length })}
          </button>`
        : nothing}
      ${failures.map(
        (failure) => html`<p class="hint">${icon('warning')}${t('needs.hubFailed')} ${reason(failure)}</p>`,
      )}
    `;
  }
}

function matchText({ source, match, title }) {
  if (source === 'workflow') return t('needs.match.workflow');
  if (source === 'catalog') return t(`needs.match.catalog.${match}`, { title });
  return t(`needs.match.hub.${match}`, { hub: HUBS[source] ?? source, title });
}

const pageLink = ({ page }) =>
  /^https?:\/\//.test(page)
    ? html`<a class="link" href=${page} target="_blank" rel="noreferrer noopener">${t('needs.page')}</a>`
    : nothing;

customElements.define('missing-models', MissingModels);
