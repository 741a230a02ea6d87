import { Element, html } from '../core/element.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { session } from '../models/session.js';
import '../components/models/downloads.js';

/** Everything under `#/models`. */
class ModelsView extends Element {
  constructor() {
    super();
    this.watch(router, session);
  }

  render() {
    return html`
      <div class="view models">
        <header class="view-head"><h1>${t('shell.views.models')}</h1></header>
        <model-downloads></model-downloads>
      </div>
    `;
  }
}

customElements.define('models-view', ModelsView);
