/*
 * Words for people, by language and view: `messages/<language>/<view>.js` holds what one view says,
 * `t` finds it by both names. English comes with the first load and stands in for what another
 * language could not load; all else is loaded with the view that says it.
 */
import create from '../messages/en/create.js';
import job from '../messages/en/job.js';
import shell from '../messages/en/shell.js';
import { kept } from './store.js';

export const LANGUAGES = ['en', 'de', 'it', 'zh'];

const loaded = new Map(Object.entries({ create, job, shell }));
const waiting = new Map();

/** What was chosen, else the first of the browser's languages that there is. */
export function wanted() {
  const tags = [kept.get('language', ''), ...(navigator.languages ?? [])];
  const known = tags.map((tag) => String(tag).split('-')[0].toLowerCase());
  return known.find((tag) => LANGUAGES.includes(tag)) ?? 'en';
}

export const language = wanted();
// Fonts draw Chinese by its script.
document.documentElement.lang = language === 'zh' ? 'zh-Hans' : language;
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);
const day = new Intl.DateTimeFormat(language, { weekday: 'long', hour: 'numeric', minute: '2-digit' });
const isHere = (name) => language === 'en' && loaded.has(name);

/** Load what these views say; it is tried again when it is asked for again. */
export function loadMessages(...names) {
  return Promise.all(names.map((name) => isHere(name) || loadOnce(name)));
}

function loadOnce(name) {
  if (!waiting.has(name)) {
    const found = import(`../messages/${language}/${name}.js`);
    const settled = found.then(
      (module) => loaded.set(name, module.default),
      (error) => {
        waiting.delete(name);
        throw error;
      },
    );
    waiting.set(name, settled);
  }
  return waiting.get(name);
}

function find(key) {
  const dot = key.indexOf('.');
  const [said, name] = [loaded.get(key.slice(0, dot)) ?? {}, key.slice(dot + 1)];
  return Object.hasOwn(said, name) ? said[name] : undefined;
}

/** Numbers as this language writes them, and text as it is. */
const shown = (value) => (typeof value === 'number' ? numbers.format(value) : String(value));

/** A message with its slots filled in; of one that depends on a number, the form for `count`. */
export function t(key, slots = {}) {
  const found = find(key) ?? key;
  const text = typeof found === 'string' ? found : (found[plurals.select(slots.count)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in slots ? shown(slots[name]) : whole));
}

/** An error in words for people, or in Studio's own. */
export function explain({ code, message, retryAfter, details }) {
  const { quota, until } = details ?? {};
  const of = `errors.${code}`;
  const key = [until && `${of}.${quota}.until`, `${of}.${quota}`, of].find((each) => each && has(each));
  const text = (key ? t(key, { message, time: until && day.format(new Date(until)) }) : message) || t('errors.foreign');
  return retryAfter > 1 && retryAfter < 3600 ? `${text} ${t('shell.time.wait', { count: retryAfter })}` : text;
}

/** Whether there is such a message. */
export const has = (key) => find(key) !== undefined;
