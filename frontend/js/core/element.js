import { LitElement, html, nothing, render } from '../../vendor/lit/lit-element.js';
import { repeat } from '../../vendor/lit/repeat.js';
import { live } from '../../vendor/lit/live.js';

export { html, live, nothing, render, repeat };

/** A component in the page's own tree: one set of style sheets, labels and ids work everywhere. */
export class Element extends LitElement {
  createRenderRoot() {
    return this;
  }

  /** Render again whenever one of these stores says `change`, for as long as it is in the page. */
  watch(...stores) {
    const update = () => this.requestUpdate();
    this.addController({
      hostConnected: () => stores.forEach((store) => store.addEventListener('change', update)),
      hostDisconnected: () => stores.forEach((store) => store.removeEventListener('change', update)),
    });
  }
}
