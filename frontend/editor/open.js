/* In ComfyUI's own page, on the editor's port: opens the graph that the address names. */

(async () => {
  const OPENED = ['job', 'workflow'];
  const POLL_MS = 100;
  const WELCOMED = 'Comfy.TutorialCompleted';

  const asked = new URLSearchParams();
  const address = new URL(location.href);
  for (const name of OPENED) {
    const id = address.searchParams.get(`studio_${name}`);
    if (id) asked.set(name, id);
    address.searchParams.delete(`studio_${name}`);
  }
  // Before the editor reads it: a reload must not open it again beside what was changed by then.
  history.replaceState(history.state, '', address);

  const answering = fetch(`/_studio/graph?${asked}`, { headers: { accept: 'application/json' } });
  // It may fail long before the editor could say so.
  answering.catch(() => {});
  const app = await ready();
  try {
    const answer = await answering;
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error.message);
    const { name, format, graph } = body;
    if (format === 'ui') await app.loadGraphData(graph, true, true, name);
    else await app.loadApiJson(graph, name);
  } catch (error) {
    app.extensionManager.toast.add({ severity: 'error', summary: 'Studio', detail: error.message });
  }

  /** The editor, once it has opened what it had open the last time: that would replace the graph. */
  async function ready() {
    const app = await made();
    const { setting } = app.extensionManager;
    // As the editor does where its own links lead: no templates are shown over what was asked for.
    if (!setting.get(WELCOMED)) await setting.set(WELCOMED, true).catch(() => {});
    while (app.extensionManager.spinner) await new Promise((done) => setTimeout(done, POLL_MS));
    return app;
  }

  /** The editor at the moment it shows itself, before it decides what to begin with. */
  function made() {
    return new Promise((resolve) => {
      Object.defineProperty(window, 'app', {
        configurable: true,
        get: () => undefined,
        set: (app) => {
          Object.defineProperty(window, 'app', { value: app, configurable: true, writable: true });
          resolve(app);
        },
      });
    });
  }
})();
