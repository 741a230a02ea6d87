import { numberText } from '../core/json.js';

/*
 * Values of a workflow's inputs as the form holds them. They differ from Studio's in seeds alone:
 * the form holds their digits, and nothing for a random one.
 */
const FILES = new Set(['image', 'mask', 'video', 'audio', 'file']);
const DYNAMIC = /\{[^{}]*\|[^{}]*\}|__[A-Za-z0-9]+([-_][A-Za-z0-9]+)*__|\[\[/;

export const isFile = (field) => FILES.has(field.type);
export const isEmpty = (value) =>
  value === null || value === undefined || value.length === 0 || (typeof value === 'string' && !value.trim());

/** What stands in the form while nobody chose anything. */
export function startOf(field) {
  const value = formValue(field, field.default);
  if (value !== null) return value;
  if (['text', 'seed'].includes(field.type)) return '';
  if (['loras', 'scenes'].includes(field.type) || (isFile(field) && field.multiple)) return [];
  if (field.type === 'boolean') return false;
  if (field.type === 'resolution') return { width: 512, height: 512 };
  return null;
}

/** A value of Studio's as the form holds it; null when there is none. */
export function formValue(field, value) {
  if (value === undefined || value === null) return null;
  if (field.type === 'seed') return value === -1 ? '' : numberText(value);
  if (field.type === 'scenes') return value.map((scene) => ({ ...scene, seed: seedText(scene.seed) }));
  return value;
}

const seedText = (seed) => (seed === undefined || seed === null || seed === -1 ? '' : numberText(seed));

/** Whether a text asks or leaves something to chance, which Studio decides for each run. */
export const isDynamic = (value) => JSON.stringify(value ?? '').match(DYNAMIC) !== null;

/** Whether two values of the form are the same. */
export const isSame = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
