import { kept } from '../core/store.js';
import { session } from './session.js';

/* What of the library is shown: words, fields, order; as Studio takes it, and as an address. */

export const FIELDS = [
  'model',
  'lora',
  'workflow',
  'kind',
  'rating',
  'favourite',
  'seed',
  'width',
  'height',
  'from',
  'to',
  'preset',
  'batch',
  'source',
];
const NAMES = ['q', 'board', 'user', 'trashed', 'sort', ...FIELDS];
/** In the place of a user: everybody's, which only the owner sees. */
export const EVERYBODY = 'all';

const known = (query) =>
  Object.fromEntries(NAMES.filter((name) => query[name]).map((name) => [name, String(query[name])]));

/** From what stands in the address after `#/library/`. */
export const fromAddress = (text) => known(Object.fromEntries(new URLSearchParams(text)));

export const toAddress = (query) => new URLSearchParams(known(query)).toString();

const keptName = () => `library.${session.user?.id}`;
export const keptView = () => ({ target: 220, isSquare: false, query: {}, ...kept.get(keptName(), {}) });
export const keepView = (view) => kept.set(keptName(), view);

/** Local midnight of a day, `days` later. */
function midnight(day, days = 0) {
  const [year, month, date] = day.split('-').map(Number);
  const at = new Date(year, month - 1, date + days);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}

/** As Studio takes it. Days are those of whoever looks; without a user the owner sees their own. */
export function toParameters(query) {
  const found = { ...query };
  if (found.from) found.from = midnight(found.from);
  if (found.to) found.to = midnight(found.to, 1);
  if (found.user === EVERYBODY) delete found.user;
  else if (!found.user && session.isOwner) found.user = session.user.id;
  return found;
}

const WORD = /(\w+):(?:"([^"]*)"|(\S+))/g;

/**
 * What was typed: words, and fields such as `seed:42`, `model:"my model.safetensors"`, `is:favourite`,
 * `size:512x768`. What is no field stays a word.
 */
export function parseTyped(text) {
  const fields = {};
  const rest = text.replace(WORD, (whole, name, quoted, plain) => {
    const value = quoted ?? plain;
    const size = /^(\d+)[x×](\d+)$/.exec(value);
    if (name === 'size' && size) [fields.width, fields.height] = size.slice(1);
    else if (name === 'is' && /^favou?rite$/.test(value)) fields.favourite = '1';
    else if (name === 'prompt') return value;
    else if (FIELDS.includes(name) && isValid(name, value)) fields[name] = value;
    else return whole;
    return '';
  });
  return { ...fields, q: rest.replace(/\s+/g, ' ').trim() };
}

const KINDS = ['image', 'video', 'audio', 'model3d', 'text', 'other'];
const VALID = {
  seed: /^\d{1,20}$/,
  width: /^\d{1,5}$/,
  height: /^\d{1,5}$/,
  rating: /^[1-5]$/,
  favourite: /^1$/,
  source: /^(upload|output)$/,
  from: /^\d{4}-\d\d-\d\d$/,
  to: /^\d{4}-\d\d-\d\d$/,
  kind: new RegExp(`^(${KINDS.join('|')})$`),
};
export const isValid = (name, value) => VALID[name]?.test(value) ?? value !== '';
export { KINDS };
