import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { drops } from '../models/drops.js';
import { icon } from './icons.js';

/** What covers the page while a file is dragged over it. */
class DropSheet extends Element {
  constructor() {
    super();
    this.watch(drops);
  }

  render() {
    if (drops.depth === 0) return nothing;
    return html`<div class="drop-sheet">${icon('upload')}${t('shell.dropNow')}</div>`;
  }
}

customElements.define('drop-sheet', DropSheet);
