import { Element, html } from '../core/element.js';
import { words } from '../core/messages.js';

/** How to get from placeholders to pictures of a model; the documents in short. */
class HelpView extends Element {
  render() {
    const text = words.help;
    return html`
      <div class="view help">
        <h1>${text.title}</h1>
        <p>${text.why}</p>
        <ol>
          ${text.steps.map(
            ({ what, code }) => html`<li><p>${what}</p>${code ? html`<pre><code>${code}</code></pre>` : ''}</li>`,
          )}
        </ol>
        <p class="hint">${text.more}</p>
        <p><a class="button" href="#/create">${words.queue.toCreate}</a></p>
      </div>
    `;
  }
}

customElements.define('help-view', HelpView);
