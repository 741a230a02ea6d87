import { Element, html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { notices } from '../models/notices.js';
import { icon } from './icons.js';

const ADDRESS = '/api/system/nodes';

/** The node packs that bring classes which the engine lacks; for the owner. */
class MissingPacks extends Element {
  static properties = { classes: { attribute: false } };

  constructor() {
    super();
    this.packs = [];
  }

  willUpdate(changed) {
    const key = this.classes.join(' ');
    if (changed.has('classes') && key !== this.asked) {
      this.asked = key;
      this.#ask();
    }
  }

  async #ask() {
    const query = this.classes.slice(0, 100).map((name) => `class=${encodeURIComponent(name)}`);
    try {
      this.packs = (await api.get(`${ADDRESS}/providers?${query.join('&')}`)).packs;
      this.requestUpdate();
    } catch {
      // What is around it still says which classes are missing.
    }
  }

  render() {
    if (!this.packs.length) return nothing;
    return html`<ul class="rows">
      ${this.packs.map(
        (pack) => html`<li class="row">
          <div class="row-words">
            <p class="row-title">${t('workflows.packBrings', { pack: pack.title })}</p>
            <p class="hint">${pack.classes.join(', ')}</p>
          </div>
          <button @click=${() => this.#install(pack)}>${icon('download')}${t('workflows.installPack')}</button>
        </li>`,
      )}
    </ul>`;
  }

  #install = (pack) =>
    notices.attempt(async () => {
      await api.post(ADDRESS, { pack: pack.name });
      router.go('system');
    });
}

customElements.define('missing-packs', MissingPacks);
