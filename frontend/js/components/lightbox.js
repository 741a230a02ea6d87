import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { kept } from '../core/store.js';
import { boards } from '../models/boards.js';
import { details } from '../models/details.js';
import { feed } from '../models/feed.js';
import { jobs } from '../models/jobs.js';
import { library } from '../models/library.js';
import { pictureOf } from '../models/picture_of.js';
import { pictures } from '../models/pictures.js';
import { session } from '../models/session.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';
import { placeholderNote } from './states.js';
import './picture_details.js';
import './zoom_stage.js';

const ZOOM = 1.5;

/** One picture, large, over everything: arrows and swipes lead to the others. */
class Lightbox extends Element {
  static properties = { withDetails: { state: true } };

  constructor() {
    super();
    this.withDetails = kept.get('viewer.details', innerWidth >= 1000);
    this.watch(viewer, details, library);
    // It goes with the view, and with whoever looks.
    router.addEventListener('change', () => viewer.close());
    session.addEventListener('change', () => session.state === 'in' || viewer.close());
    session.addEventListener('other', () => viewer.close());
    // What was changed, or went, wherever that was done, is so here too.
    pictures.addEventListener('gone', ({ detail }) => viewer.drop(detail));
    pictures.addEventListener('change', () => this.requestUpdate());
    library.addEventListener('change', () => viewer.fit());
  }

  updated() {
    const dialog = this.querySelector('dialog');
    if (!dialog) this.#giveFocusBack();
    if (!dialog || dialog.open) return;
    this.opener = document.activeElement;
    dialog.showModal();
    boards.load();
  }

  /** To the picture that was looked at last where it is in a grid, else to what opened it. */
  #giveFocusBack() {
    const { opener } = this;
    this.opener = null;
    const grid = opener?.closest?.('picture-grid');
    if (grid?.isConnected) grid.focusAt(viewer.index);
    else if (opener?.isConnected) opener.focus();
  }

  render() {
    if (!viewer.isOpen) return nothing;
    const item = itemAt();
    if (item) preload();
    return html`
      <dialog
        class="lightbox ${this.withDetails ? 'has-details' : ''}"
        aria-label=${t('viewer.label')}
        @cancel=${(event) => this.#onCancel(event)}
        @close=${() => viewer.close()}
        @keydown=${(event) => this.#onKey(event)}
      >
        ${this.#bar(item)}
        <div class="lightbox-stage" @click=${onBackdrop}>
          <zoom-stage
            .picture=${item}
            @swipe=${({ detail }) => viewer.step(detail)}
            @dismiss=${() => viewer.close()}
          ></zoom-stage>
          ${viewer.index > 0 ? arrow('previous', 'left', -1) : nothing}
          ${viewer.index < viewer.total - 1 ? arrow('next', 'right', 1) : nothing}
        </div>
        ${this.withDetails
          ? html`<aside class="details" aria-label=${t('viewer.details')}>
              ${item && feed.isPlaceholder(jobs.byId.get(item.job_id) ?? {})
                ? html`<p class="placeholder-note">${placeholderNote(t('shell.placeholder.result'))}</p>`
                : nothing}
              <picture-details .picture=${item}></picture-details>
            </aside>`
          : nothing}
        <studio-toasts></studio-toasts>
      </dialog>
    `;
  }

  #bar(item) {
    const place = t('viewer.place', { at: viewer.index + 1, all: viewer.total });
    const shown = item && (details.get(item.id) ?? item);
    return html`
      <header class="lightbox-bar">
        <span class="place" role="status">${place}</span>
        ${shown ? (shown.trashed_at ? inTrash(shown) : onShelf(shown)) : nothing}
        <button
          class="round"
          aria-pressed=${this.withDetails ? 'true' : 'false'}
          aria-label=${t('viewer.details')}
          title=${t('viewer.details')}
          @click=${() => this.#toggleDetails()}
        >
          ${icon('info')}
        </button>
        <button class="round" aria-label=${t('shell.close')} title=${t('shell.close')} autofocus @click=${() => viewer.close()}>
          ${icon('close')}
        </button>
      </header>
    `;
  }

  #toggleDetails() {
    this.withDetails = !this.withDetails;
    kept.set('viewer.details', this.withDetails);
  }

  /** Esc: it closes itself once it has left the history. */
  #onCancel(event) {
    if (event.target !== event.currentTarget) return;
    event.preventDefault();
    viewer.close();
  }

  #onKey(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches('input, textarea, video, audio')) return;
    const item = itemAt();
    const shown = item && (details.get(item.id) ?? item);
    const stage = this.querySelector('zoom-stage');
    const isKept = shown && !shown.trashed_at;
    const does = {
      ArrowLeft: () => viewer.step(-1),
      ArrowRight: () => viewer.step(1),
      '+': () => stage.zoom(ZOOM),
      '=': () => stage.zoom(ZOOM),
      '-': () => stage.zoom(1 / ZOOM),
      z: () => stage.toggle(null, null),
      i: () => this.#toggleDetails(),
      f: isKept && (() => pictures.favour([shown], !shown.favourite)),
      Delete: shown && (() => (isKept ? trash(shown) : purge(shown))),
    };
    if (isKept && /^[0-5]$/.test(key)) pictures.rate([shown], Number(key));
    else if (does[key]) does[key]();
    else return;
    event.preventDefault();
  }
}

/** What is at a place of what is looked through, as the library shows it. */
function itemAt(place = viewer.index) {
  const found = viewer.at(place);
  return found?.output ? pictureOf(found) : found;
}

const trash = (item) => pictures.trash([item]);

/** What cannot be undone is asked about, as in the library. */
async function purge(item) {
  const { isSure } = await import('./selection_bar.js');
  if (await isSure(1)) await pictures.purge([item]);
}

const button = (symbol, label, run) => html`
  <button class="round" aria-label=${label} title=${label} @click=${run}>${icon(symbol)}</button>
`;

const downloadLink = (shown) => html`
  <a class="button round" href=${shown.content} download=${shown.name} aria-label=${t('viewer.download')} title=${t('viewer.download')}
    >${icon('download')}</a
  >
`;

const onShelf = (shown) => html`
  <button
    class="round heart ${shown.favourite ? 'is-on' : ''}"
    aria-pressed=${shown.favourite ? 'true' : 'false'}
    aria-label=${t('library.favourite')}
    title=${t('library.favourite')}
    @click=${() => pictures.favour([shown], !shown.favourite)}
  >
    ${icon('heart')}
  </button>
  ${downloadLink(shown)} ${button('remove', t('viewer.delete'), () => trash(shown))}
`;

/** From there it comes back, or goes for good; nothing else is done with it. */
const inTrash = (shown) => html`
  ${button('again', t('library.restore'), () => pictures.restore([shown]))}
  ${downloadLink(shown)} ${button('remove', t('library.purge'), () => purge(shown))}
`;

/** The neighbours, so that they are there when somebody goes on. */
function preload() {
  for (const place of [viewer.index + 1, viewer.index - 1]) {
    const item = itemAt(place);
    if (item?.kind === 'image') new Image().src = item.preview ?? item.content;
  }
}

const arrow = (name, shape, by) => html`
  <button
    class="round lightbox-${name}"
    aria-label=${t(`viewer.${name}`)}
    @click=${() => viewer.step(by)}
  >
    ${icon(shape)}
  </button>
`;

function onBackdrop({ target }) {
  if (target.matches('.lightbox-stage, zoom-stage')) viewer.close();
}

customElements.define('studio-lightbox', Lightbox);
