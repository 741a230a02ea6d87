import { api } from '../core/api.js';
import { feed } from './feed.js';
import { session } from './session.js';

/** Whether there is an editor, and this person may open it. */
export const canOpenEditor = () => session.can('editor') && feed.hasComfyUI;

/** ComfyUI's own editor in a tab of its own; with the graph of a {job} or a {workflow}, by id. */
export async function openEditor(graph) {
  // Opened while the click still counts; browsers block what comes after an answer.
  const tab = window.open('about:blank', '_blank');
  try {
    const { url } = await api.post('/api/editor/open', graph);
    if (tab) tab.location.href = url;
    else location.href = url;
  } catch (error) {
    tab?.close();
    throw error;
  }
}
