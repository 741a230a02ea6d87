import { loadMessages } from '../core/messages.js';
import { loadStyles } from '../core/styles.js';
import { session } from '../models/session.js';

/** Guests see what was lent to them, and lend nothing on. */
export const mayShare = () => session.user?.role !== 'guest';

/** Ask how to share something, and show the link: {kind: asset | board | preset, target, name}. */
export async function share(what) {
  await Promise.all([loadMessages('sharing', 'errors'), loadStyles('sharing')]);
  const { openShare } = await import('./sharing.js');
  openShare(what);
}
