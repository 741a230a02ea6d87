import { has, language, t } from '../js/core/messages.js';

const absolute = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short' });

export const dateText = (iso) => absolute.format(new Date(iso));

/** How long until something may be tried again, in minutes or hours. */
function waitText(seconds) {
  if (seconds < 90) return t('shared.wait.seconds', { count: Math.ceil(seconds) });
  if (seconds < 5400) return t('shared.wait.minutes', { count: Math.ceil(seconds / 60) });
  return t('shared.wait.hours', { count: Math.ceil(seconds / 3600) });
}

/** A refusal in words; Studio's own sentence where there are none here, or too few. */
export function explain(error) {
  const key = `shared.error.${error.code}`;
  const text = has(key) ? t(key, { message: error.message }) : error.message || t('shared.error.unknown');
  return error.retryAfter > 0 ? `${text} ${waitText(error.retryAfter)}` : text;
}
