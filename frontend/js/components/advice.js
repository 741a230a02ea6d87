import { Element, html, nothing } from '../core/element.js';
import { listText } from '../core/format.js';
import { t } from '../core/messages.js';
import { draft } from '../models/draft.js';
import { feed } from '../models/feed.js';
import { session } from '../models/session.js';
import { errorText } from './form.js';
import { icon } from './icons.js';
import { maySeeModels, missingModels } from './missing.js';
import { placeholderNote } from './states.js';

/** Why nothing can come of the form now, and what would help. */
class CreateAdvice extends Element {
  constructor() {
    super();
    this.watch(draft, feed);
  }

  render() {
    const { workflow, problem } = draft;
    if (!workflow && problem) return html`<div role="alert">${errorText(problem)}</div>`;
    const { state, missing_models: models, missing_nodes: nodes } = workflow?.readiness ?? { state: 'ready' };
    if (state === 'ready') return nothing;
    const lacksCheckpoint = draft.fields.some(({ type, options }) => type === 'checkpoint' && !options?.length);
    const isModel = state === 'missing' && lacksCheckpoint && !nodes;
    const isForComfyUI = nodes > 0 && feed.paintsPlaceholders;
    const lacks = [
      // Whoever may know them is shown each of them.
      models && !maySeeModels() && t('making.missingModels', { count: models }),
      nodes && t('making.missingNodes', { count: nodes }),
    ].filter(Boolean);
    const [title, why] =
      state === 'unknown'
        ? [t('making.noEngineTitle'), t('making.noEngine')]
        : isModel
          ? [t('making.noModelTitle'), t(session.can('models:write') ? 'making.noModelInstall' : 'making.noModel')]
          : isForComfyUI
            ? [t('making.needsComfyUI'), placeholderNote(t('making.needsComfyUIWhy'))]
            : [t('making.notReadyTitle'), listText(lacks)];
    return html`
      <div class="card advice" role="status" tabindex="-1">
        <h2>${title}</h2>
        ${why ? html`<p>${why}</p>` : nothing}
        ${isModel && session.can('graphs:run') ? html`<p>${t('making.noModelGraph')}</p>` : nothing}
        ${state === 'missing' && models && !isForComfyUI
          ? missingModels({ workflow_id: workflow.id }, () => draft.load())
          : nothing}
        ${state === 'missing' && !isModel && (nodes || !maySeeModels())
          ? html`<a class="button" href="#/workflows/${encodeURIComponent(workflow.id)}">${t('making.whatIsMissing')}</a>`
          : nothing}
        <button @click=${() => draft.load()}>${icon('again')}${t('making.lookAgain')}</button>
      </div>
    `;
  }
}

customElements.define('create-advice', CreateAdvice);
