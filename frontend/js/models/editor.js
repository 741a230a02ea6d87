import { api } from '../core/api.js';

/** ComfyUI's own editor in a tab of its own; `session.can('editor')` tells who may. */
export async function openEditor() {
  // Opened while the click still counts; browsers block what comes after an answer.
  const tab = window.open('about:blank', '_blank');
  try {
    const { url } = await api.post('/api/editor/open');
    if (tab) tab.location.href = url;
    else location.href = url;
  } catch (error) {
    tab?.close();
    throw error;
  }
}
