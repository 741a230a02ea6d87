import { address, api, ApiError, noted, refusal } from '../core/api.js';
import { parseExact } from '../core/json.js';
import { translated } from '../core/shipped.js';
import { Store } from '../core/store.js';
import { session } from './session.js';

const MOST_BYTES = 32 << 20;
const IN_ONE_REQUEST = 16 << 20;

/** Every workflow of a list, page by page, and its `faults`. */
export async function listed(query = {}) {
  const items = [];
  let page;
  do {
    page = await api.get(address('/api/workflows', { ...query, limit: 500, cursor: page?.next_cursor ?? '' }));
    items.push(...page.items);
  } while (page.next_cursor);
  return { items: await Promise.all(items.map(translated)), faults: page.faults };
}

/** Workflows as Studio lists them. */
class Workflows extends Store {
  constructor() {
    super();
    this.items = null;
    this.trashed = null;
    this.faults = [];
    this.error = null;
    session.addEventListener('other', () => Object.assign(this, { items: null, trashed: null }));
  }

  async load(isTrash = false) {
    try {
      const { items, faults } = await listed({ trashed: isTrash ? 1 : '' });
      if (isTrash) this.trashed = items;
      else Object.assign(this, { items, faults });
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.changed();
  }

  get(id) {
    return this.items?.find((each) => each.id === id) ?? null;
  }

  /** Into the trash: it is gone from the list at once, and back if Studio refuses. */
  async trash(id) {
    const before = this.items;
    if (before) this.#show(before.filter((each) => each.id !== id));
    try {
      await api.remove(pathOf(id));
    } catch (error) {
      if (before) this.#show(before);
      throw error;
    }
  }

  async takeBack(id) {
    await api.post(`${pathOf(id)}/restore-from-trash`);
    this.trashed = this.trashed?.filter((each) => each.id !== id) ?? null;
    this.changed();
    await this.load();
  }

  #show(items) {
    this.items = items;
    this.changed();
  }
}

export const workflows = new Workflows();

export const pathOf = (id, rest = '') => `/api/workflows/${encodeURIComponent(id)}${rest}`;

/** Who brings graphs may change their own; the owner all of them. */
export const mayBring = () => session.can('graphs:run');
export const mayChange = (workflow) =>
  mayBring() && (session.isOwner || (workflow.owner !== null && workflow.owner === session.user?.id));

/**
 * What files hold: one that carries a workflow, or those of a workflow's folder.
 *
 * @param onSend(part) while a file leaves that is too large for one request; 0 to 1
 */
export async function inspect(files, onSend = () => {}) {
  if (files.length === 1 && files[0].size > IN_ONE_REQUEST) return inspectLarge(files[0], onSend);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (total > MOST_BYTES) throw new ApiError({ code: 'too_large', message: '' });
  const form = new FormData();
  for (const file of files) form.append('file', file, file.webkitRelativePath || file.name || 'workflow');
  let response;
  try {
    response = await fetch('/api/workflows/inspect', { method: 'POST', body: form });
  } catch {
    throw noted(new ApiError({ code: 'offline', message: '' }));
  }
  if (!response.ok) throw await refusal(response);
  return parseExact(await response.text());
}

/** A film of any size becomes an asset, as if it had been added to the library. */
async function inspectLarge(file, onSend) {
  const { upload } = await import('./uploads.js');
  const asset = await upload(file, { onHash: () => {}, onSend }, new AbortController().signal);
  return api.post(`/api/workflows/inspect?asset=${asset.id}`);
}

/** Save a workflow as a file of this machine's. */
export async function download(id) {
  const response = await fetch(pathOf(id, '/export'));
  if (!response.ok) throw await refusal(response);
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = name ?? 'workflow.studio-workflow.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
