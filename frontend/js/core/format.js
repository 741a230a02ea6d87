import { language, t } from './messages.js';

const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export const dateText = (iso) => absolute.format(new Date(iso));

const clock = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
export const timeText = (iso) => clock.format(new Date(iso));

/** "3 minutes ago", "in 2 days". */
export function agoText(iso) {
  if (!iso) return t('shell.time.unknown');
  const seconds = (new Date(iso) - Date.now()) / 1000;
  const found = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  return found ? relative.format(Math.round(seconds / found[1]), found[0]) : t('shell.time.now');
}

/* In this order: most browsers name those that they descend from as well. */
const BROWSERS = {
  Edg: 'Edge',
  OPR: 'Opera',
  SamsungBrowser: 'Samsung Internet',
  Firefox: 'Firefox',
  FxiOS: 'Firefox',
  CriOS: 'Chrome',
  Chrom: 'Chrome',
  Safari: 'Safari',
};
const SYSTEMS = {
  Android: 'Android',
  iPhone: 'iPhone',
  iPad: 'iPad',
  CrOS: 'ChromeOS',
  'Mac OS': 'macOS',
  Windows: 'Windows',
  Linux: 'Linux',
};

/** A browser by the name it gives itself: "Firefox, Windows"; other programs as they say. */
export function clientText(agent) {
  const known = (names) => Object.entries(names).find(([mark]) => agent.includes(mark))?.[1];
  const [browser, system] = [known(BROWSERS), known(SYSTEMS)];
  return browser && system ? `${browser}, ${system}` : agent || t('shell.time.unknown');
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** How much, in the unit that reads best. */
export function sizeText(bytes) {
  const place = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** place;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: SIZES[place],
    unitDisplay: place ? 'short' : 'long',
    maximumFractionDigits: value < 10 && place ? 1 : 0,
  }).format(value);
}

const list = new Intl.ListFormat(language);
/** "3 models and 6 node classes". */
export const listText = (parts) => list.format(parts);

/** A stretch of time, roughly. */
export function spanText(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return t('shell.time.seconds', { count: seconds });
  if (seconds < 5400) return t('shell.time.minutes', { count: Math.round(seconds / 60) });
  return t('shell.time.hours', { count: Math.round(seconds / 3600) });
}
