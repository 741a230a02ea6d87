import { Element, html } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';

/* What to do, and what to type for it. */
const STEPS = [
  ['install', ''],
  ['where', 'export COMFYUI_DIR=/srv/ComfyUI\nexport COMFYUI_PYTHON=/srv/ComfyUI/venv/bin/python'],
  ['model', null],
  ['start', './start.sh doctor\n./start.sh'],
];

/** How to get from placeholders to pictures of a model; the documents in short. */
class HelpView extends Element {
  constructor() {
    super();
    /** Where this Studio has its models; only the owner may know. */
    this.models = 'models';
  }

  async connectedCallback() {
    super.connectedCallback();
    if (!session.can('admin')) return;
    // While Studio cannot be asked, the folder keeps its short name.
    const found = await api.get('/api/settings').catch(() => null);
    const folder = found?.groups.flatMap(({ items }) => items).find(({ key }) => key === 'MODEL_DIR');
    this.models = folder?.value ?? this.models;
    this.requestUpdate();
  }

  render() {
    return html`
      <div class="view help">
        <h1>${t('help.title')}</h1>
        <p>${t('help.why')}</p>
        <ol>
          ${STEPS.map(([name, text]) => [name, text ?? `${this.models}/checkpoints/`]).map(
            ([name, code]) =>
              html`<li><p>${t(`help.step.${name}`)}</p>${code ? html`<pre tabindex="0"><code>${code}</code></pre>` : ''}</li>`,
          )}
        </ol>
        <p class="hint">${t('help.more')}</p>
        <p class="inline-buttons">
          ${session.can('models:write') ? html`<a class="button" href="#/models">${t('shell.views.models')}</a>` : ''}
          <a class="button" href="#/create">${t('shell.toCreate')}</a>
        </p>
      </div>
    `;
  }
}

customElements.define('help-view', HelpView);
