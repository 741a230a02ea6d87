import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { canOpenEditor, openEditor } from '../models/editor.js';
import { notices } from '../models/notices.js';

/** Hand over text as a file. */
export function saveFile(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A job's graph as a file, and the editor beside it, which takes files that are dropped on it. */
export async function openGraph(job) {
  const { workflow } = await api.get(`/api/v2/jobs/${job.id}/workflow`);
  saveFile(`${job.id}.json`, JSON.stringify(workflow, null, 2));
  if (!canOpenEditor()) return;
  await openEditor();
  notices.say(t('making.dropThere'));
}
