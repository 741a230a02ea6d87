import { numberText } from '../core/json.js';

/* Manifests as YAML: what Studio reads back as the same data. */

const PLAIN = /^[A-Za-z][A-Za-z0-9 _./()+-]*$/;
const WORDS = /^(true|false|null|yes|no|on|off)$/i;
const isScalar = (value) =>
  value === null || typeof value !== 'object' || (typeof JSON.isRawJSON === 'function' && JSON.isRawJSON(value));

function scalar(value) {
  if (typeof value !== 'string') return value === null ? 'null' : numberText(value);
  const isPlain = PLAIN.test(value) && !WORDS.test(value) && value === value.trim();
  return isPlain ? value : JSON.stringify(value);
}

const key = (name) => (/^[A-Za-z_]\w*$/.test(name) && !WORDS.test(name) ? name : JSON.stringify(name));

/** Small things stand on one line, as people write targets and sizes. */
function onOneLine(value) {
  if (isScalar(value)) return scalar(value);
  const entries = Array.isArray(value) ? value : Object.entries(value);
  if (!entries.length) return Array.isArray(value) ? '[]' : '{}';
  if (!Object.values(value).every(isScalar)) return null;
  const text = Array.isArray(value)
    ? `[${value.map(scalar).join(', ')}]`
    : `{ ${entries.map(([name, each]) => `${key(name)}: ${scalar(each)}`).join(', ')} }`;
  return text.length <= 100 ? text : null;
}

function lines(value, indent) {
  if (Array.isArray(value)) {
    return value.flatMap((each) => {
      const short = Array.isArray(each) || isScalar(each) || 'node' in each || !('id' in each) ? onOneLine(each) : null;
      if (short !== null) return [`${indent}- ${short}`];
      const [first, ...rest] = lines(each, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  return Object.entries(value).flatMap(([name, each]) => {
    const short = onOneLine(each);
    if (short !== null) return [`${indent}${key(name)}: ${short}`];
    return [`${indent}${key(name)}:`, ...lines(each, `${indent}  `)];
  });
}

export const toYaml = (manifest) => `${lines(manifest, '').join('\n')}\n`;
