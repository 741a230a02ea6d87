import { isEmpty, isFile } from './values.js';

/* The form's values as Studio takes them. */

/** The form's value as Studio takes it; null leaves it to Studio. */
export function wireValue(field, value) {
  if (field.type === 'seed') return value === '' ? -1 : Number(value);
  if (field.type === 'scenes') return (value ?? []).map(wireScene);
  if (isFile(field)) return wireFile(value);
  return value ?? null;
}

function wireScene({ seed, ...scene }) {
  return isEmpty(seed) ? scene : { ...scene, seed: Number(seed) };
}

/** The form knows a file's name and kind too, to show it. */
function wireFile(value) {
  if (Array.isArray(value)) return value.map(({ asset }) => ({ asset }));
  return value ? { asset: value.asset } : null;
}
