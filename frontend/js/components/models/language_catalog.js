import { Element, html, nothing, repeat } from '../../core/element.js';
import { address, api } from '../../core/api.js';
import { t } from '../../core/messages.js';
import { downloads, mayFetch } from '../../models/downloads.js';
import { session } from '../../models/session.js';
import { MISSING } from '../../models/stock.js';
import { errorText } from '../form.js';
import { icon } from '../icons.js';
import { entryRow, nameParts } from './rows.js';

const ASKED = { folder: 'llm', state: MISSING, limit: 500 };
/** A projector comes with its model, and is of no use without it. */
const isModel = ({ file }) => !nameParts(file)[0].toLowerCase().startsWith('mmproj-');

/** The language models that the catalogs have and that are not here: a click has one fetched. */
class LanguageCatalog extends Element {
  constructor() {
    super();
    this.watch(downloads, session);
    this.entries = null;
    this.error = null;
    this.onArrival = () => this.load();
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop = downloads.watch();
    downloads.addEventListener('arrived', this.onArrival);
    this.load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop();
    downloads.removeEventListener('arrived', this.onArrival);
  }

  load = async () => {
    const asked = (this.asked = {});
    try {
      const { items } = await api.get(address('/api/catalog', ASKED));
      if (asked !== this.asked) return;
      Object.assign(this, { entries: items.filter(isModel), error: null });
    } catch (error) {
      if (asked !== this.asked) return;
      this.error = error;
    }
    this.requestUpdate();
  };

  render() {
    const { entries, error } = this;
    if (!error && !entries?.length) return nothing;
    return html`
      <section class="card" aria-labelledby="language-catalog">
        <h2 id="language-catalog">${t('language.catalog')}</h2>
        ${mayFetch() ? html`<p class="hint">${t('language.catalogHelp')}</p>` : nothing}
        ${error
          ? html`<div class="problem" role="alert">
              ${errorText(error)}<button @click=${this.load}>${icon('again')}${t('shell.tryAgain')}</button>
            </div>`
          : nothing}
        <ul class="rows models-rows">
          ${repeat(entries ?? [], ({ id }) => id, (each) => html`<li class="row model">${entryRow(each)}</li>`)}
        </ul>
      </section>
    `;
  }
}

customElements.define('language-catalog', LanguageCatalog);
