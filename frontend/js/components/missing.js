import { html, nothing } from '../core/element.js';
import { session } from '../models/session.js';
import { loadPart, PARTS } from '../parts.js';

/** Who may send graphs may know which models there are; everybody else is told by the form. */
export const maySeeModels = () => session.can('graphs:run');

/**
 * What a workflow lacks, with all that brings it.
 *
 * @param ask the body of `POST /api/models/missing`
 * @param onChange called when models came: what they were missing for is to be looked at again
 * @param isQuiet whether nothing is said, and no card shown, where nothing is missing
 */
export function missingModels(ask, onChange, { isQuiet = false } = {}) {
  if (!maySeeModels()) return nothing;
  // Without it, as when Studio is away, what is around it still says what is missing.
  loadPart(PARTS.needs).catch(() => {});
  return html`<missing-models
    .ask=${ask}
    .onChange=${onChange}
    .isQuiet=${isQuiet}
    ?hidden=${isQuiet}
  ></missing-models>`;
}
