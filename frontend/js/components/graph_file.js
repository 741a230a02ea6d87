import { api } from '../core/api.js';
import { canOpenEditor, openEditor } from '../models/editor.js';

/** Hand over text as a file. */
export function saveFile(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A job's graph in the editor, or as a file where there is none. */
export async function openGraph(job) {
  if (canOpenEditor()) return openEditor({ job: job.id });
  const { workflow } = await api.get(`/api/v2/jobs/${job.id}/workflow`);
  saveFile(`${job.id}.json`, JSON.stringify(workflow, null, 2));
}
