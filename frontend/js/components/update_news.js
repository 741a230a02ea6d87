import { Element, html, nothing } from '../core/element.js';
import { dateText } from '../core/format.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { kept } from '../core/store.js';
import { feed } from '../models/feed.js';
import { notices } from '../models/notices.js';
import { updates } from '../models/updates.js';
import { icon } from './icons.js';

/** Where all of it is told at length. */
const AT_LENGTH = 'system';
const SEEN = 'image-seen';

/** Tells the owner, wherever they are, what became of an update and which one came with the image. */
class UpdateNews extends Element {
  constructor() {
    super();
    this.watch(updates, router);
    this.onFeed = () => this.#look();
  }

  connectedCallback() {
    super.connectedCallback();
    feed.addEventListener('change', this.onFeed);
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    feed.removeEventListener('change', this.onFeed);
  }

  /** Each time that Studio is reached again: it may have been started from another release. */
  #look() {
    const reached = feed.isAway || feed.isLive === null ? '' : String(feed.isLive);
    if (reached && reached !== this.reached) updates.look();
    this.reached = reached;
  }

  render() {
    if (router.view === AT_LENGTH || !updates.status) return nothing;
    const { rolled_back: left, failure, image, installed } = updates.status;
    if (left) {
      const { release, at } = left;
      return banner(t('news.rolledBack', { release, at: dateText(at) }), () => updates.dismiss());
    }
    if (failure) return banner(t('news.failed'), () => updates.dismiss());
    if (!image?.is_newer || kept.get(SEEN, '') === image.version) return nothing;
    return banner(t('news.image', { version: image.version, own: installed.version }), () => {
      kept.set(SEEN, image.version);
      this.requestUpdate();
    });
  }
}

const banner = (text, close) => html`
  <p class="banner is-warning" role="status">
    ${icon('warning')}<span>${text} <a href="#/${AT_LENGTH}">${t('news.more')}</a></span>
    <button class="bare" aria-label=${t('shell.close')} @click=${() => notices.attempt(async () => close())}>
      ${icon('close')}
    </button>
  </p>
`;

customElements.define('update-news', UpdateNews);
