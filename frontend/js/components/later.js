import { notices } from '../models/notices.js';
import { loadPart, PARTS } from '../parts.js';

/* What the form offers beyond its fields; all of it comes after the first look. */

/** The module with everything that is made of the form. */
export async function making() {
  await loadPart(PARTS.making);
  return import('./making.js');
}

const attempt = (run) => notices.attempt(async () => run(await making()));

export const openChooser = () => attempt((more) => more.openChooser());
export const openPrompts = (field) => attempt((more) => more.openPrompts(field));
export const openVary = (field) => attempt((more) => more.openVary(field));
export const openSave = (preset) => attempt((more) => more.openSave(preset));
export const openCode = (preset) => attempt((more) => more.openCode(preset));

export const dice = (field) => attempt((more) => more.dice(field));
export const toggleLock = (field, isLocked) => attempt((more) => more.toggleLock(field, isLocked));

/** Ask what the texts of the form ask; answers null when somebody would rather not. */
export const ask = async () => (await making()).ask();
