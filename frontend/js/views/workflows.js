import { Element, html } from '../core/element.js';
import { router } from '../core/router.js';
import { drops } from '../models/drops.js';
import { mayBring } from '../models/workflows.js';
import '../components/menu.js';
import './workflow_list.js';
import './workflow_detail.js';
import './workflow_new.js';
import './workflow_wizard.js';

/** Everything under `#/workflows`: the list, one of them, a new one, a change of one. */
class WorkflowsView extends Element {
  constructor() {
    super();
    this.watch(router);
  }

  connectedCallback() {
    super.connectedCallback();
    // It waits for the part that looks into files.
    const bring = (file, kind) => {
      drops.waiting = { file, kind };
      router.go('workflows/new');
    };
    if (mayBring()) this.stop = drops.take(['graph'], bring);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stop?.();
  }

  /** Where somebody goes from here, the rest of the address is no workflow's. */
  shouldUpdate() {
    return router.view === 'workflows';
  }

  render() {
    const { argument: id, detail } = router;
    if (!id) return html`<workflow-list></workflow-list>`;
    if (id === 'new') return html`<workflow-new></workflow-new>`;
    if (detail === 'edit') return html`<workflow-edit .workflowId=${id}></workflow-edit>`;
    return html`<workflow-detail .workflowId=${id}></workflow-detail>`;
  }
}

customElements.define('workflows-view', WorkflowsView);
