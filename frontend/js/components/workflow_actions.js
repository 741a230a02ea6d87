import { t } from '../core/messages.js';
import { api } from '../core/api.js';
import { router } from '../core/router.js';
import { forgetBrought } from '../models/brought.js';
import { draft } from '../models/draft.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { notices } from '../models/notices.js';
import { download, mayBring, mayChange, pathOf, workflows } from '../models/workflows.js';

export const addressOf = (id, rest = '') => `#/workflows/${encodeURIComponent(id)}${rest}`;

/** Fill in its form: Create shows it with what was last said to it. */
export function takeUp(id) {
  forgetBrought();
  return notices.attempt(() => draft.choose(id));
}

/** What can be done with a workflow, as entries of a menu. */
export function menuOf(workflow, { onChange = () => {} } = {}) {
  const attempt = (action) => notices.attempt(action);
  return [
    mayChange(workflow) && { label: t('workflows.edit'), icon: 'use', href: addressOf(workflow.id, '/edit') },
    mayBring() && { label: t('workflows.copy'), icon: 'copy', run: () => attempt(() => copy(workflow)) },
    canOpenEditor() && {
      label: t('workflows.openGraph'),
      icon: 'editor',
      run: () => attempt(() => openEditor({ workflow: workflow.id })),
    },
    mayBring() && { label: t('workflows.export'), icon: 'download', run: () => attempt(() => download(workflow.id)) },
    mayChange(workflow) &&
      !workflow.shipped && {
        label: t(workflow.shared ? 'workflows.unshare' : 'workflows.share'),
        icon: 'people',
        run: () => attempt(() => share(workflow, !workflow.shared, onChange)),
      },
    mayChange(workflow) && {
      label: t(workflow.shipped ? 'workflows.hide' : 'workflows.trash'),
      icon: 'remove',
      run: () => attempt(() => trash(workflow)),
    },
  ].filter(Boolean);
}

export async function copy(workflow) {
  const made = await api.post(pathOf(workflow.id, '/copy'), {
    name: t('workflows.copyOf', { name: workflow.name }).slice(0, 120),
  });
  notices.say(t('workflows.copied', { name: made.name }));
  router.go(`workflows/${encodeURIComponent(made.id)}`);
  await workflows.load();
}

async function share(workflow, shared, onChange) {
  await api.patch(pathOf(workflow.id), { shared });
  await Promise.all([workflows.load(), onChange()]);
  const undo = () => share({ ...workflow, shared }, !shared, onChange);
  notices.undoable(t(shared ? 'workflows.shared' : 'workflows.unshared', { name: workflow.name }), undo);
}

async function trash(workflow) {
  if (router.argument) router.go('workflows');
  await workflows.trash(workflow.id);
  const said = t(workflow.shipped ? 'workflows.hidden' : 'workflows.trashed', { name: workflow.name });
  notices.undoable(said, () => workflows.takeBack(workflow.id));
}
