import { Element, html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { drops } from '../models/drops.js';
import { icon } from './icons.js';

/** Over the page while a file is dragged. */
class DropSheet extends Element {
  constructor() {
    super();
    this.watch(drops);
  }

  render() {
    return drops.depth > 0
      ? html`<div class="drop-sheet">${icon('upload')}${t('shell.dropNow')}</div>`
      : nothing;
  }
}

customElements.define('drop-sheet', DropSheet);
