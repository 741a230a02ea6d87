import { Element, html } from '../core/element.js';
import { t } from '../core/messages.js';

/* What to do, and what to type for it. */
const STEPS = [
  ['install', ''],
  ['where', 'export COMFYUI_DIR=/srv/ComfyUI\nexport COMFYUI_PYTHON=/srv/ComfyUI/venv/bin/python'],
  ['model', '~/.studio/models/checkpoints/'],
  ['start', './start.sh doctor\n./start.sh'],
];

/** How to get from placeholders to pictures of a model; the documents in short. */
class HelpView extends Element {
  render() {
    return html`
      <div class="view help">
        <h1>${t('help.title')}</h1>
        <p>${t('help.why')}</p>
        <ol>
          ${STEPS.map(
            ([name, code]) =>
              html`<li><p>${t(`help.step.${name}`)}</p>${code ? html`<pre tabindex="0"><code>${code}</code></pre>` : ''}</li>`,
          )}
        </ol>
        <p class="hint">${t('help.more')}</p>
        <p><a class="button" href="#/create">${t('shell.toCreate')}</a></p>
      </div>
    `;
  }
}

customElements.define('help-view', HelpView);
