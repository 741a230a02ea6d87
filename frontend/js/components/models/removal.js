import { html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { sizeText } from '../../core/format.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { filePath, stock } from '../../models/stock.js';
import { openDialog } from '../dialog.js';
import { icon } from '../icons.js';

/**
 * Ask whether a file shall go, with the workflows that would not run any more. Answers whether it
 * is gone.
 */
export async function removeModel({ id }) {
  let file;
  if (!(await notices.attempt(async () => (file = await api.get(filePath(id)))))) return false;
  const { workflows, in_use: isInUse } = file.needed_by;
  const { closed } = openDialog({
    label: t('models.deleteTitle'),
    content: (close) => html`
      <h2>${t('models.deleteTitle')}</h2>
      <p class="model-name">${file.folder}/${file.name}</p>
      <p>${t('models.deleteHelp', { size: sizeText(file.size_bytes) })}</p>
      ${isInUse ? html`<p class="error-text">${t('models.inUse')}</p>` : nothing}
      ${workflows.length
        ? html`
            <p>${t('models.wouldBreak', { count: workflows.length })}</p>
            <ul class="breaks">
              ${workflows.map(({ name }) => html`<li>${name}</li>`)}
            </ul>
          `
        : nothing}
      <div class="dialog-actions">
        <button type="button" autofocus @click=${() => close(false)}>${t('shell.cancel')}</button>
        <button type="button" class="danger" ?disabled=${isInUse} @click=${() => close(true)}>
          ${icon('remove')}${t(workflows.length ? 'models.deleteAll' : 'models.delete')}
        </button>
      </div>
    `,
  });
  if (!(await closed)) return false;
  return notices.attempt(async () => {
    await stock.remove(id, workflows.length > 0);
    notices.say(t('models.deleted', { name: file.name }));
  });
}
