/*
 * Seeds may be larger than the integers JavaScript keeps exactly. Where the browser can, such
 * numbers travel through as they were written; where it cannot, they are rounded as ever.
 */
const EXACT = typeof JSON.rawJSON === 'function';

export function parseExact(text) {
  return JSON.parse(text, (_key, value, context) =>
    EXACT && typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? JSON.rawJSON(context.source)
      : value,
  );
}

/** A number, exact or plain, as text. */
export function numberText(value) {
  return EXACT && JSON.isRawJSON(value) ? value.rawJSON : String(value);
}
