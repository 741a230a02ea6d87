import { sizeText, spanText } from '../core/format.js';
import { t } from '../core/messages.js';

/** What a job waits for that is fetched for it, and how far that is; null when there is nothing. */
export function awaitedText({ progress }) {
  if (!progress?.awaited) return progress?.message ?? null;
  const { state, title, received_bytes: received, size_bytes: size, retry_in_s: pause, others } = progress.awaited;
  const time = pause === null ? '' : spanText(pause * 1000);
  const isPart = state === 'fetching' && (received > 0 || size !== null);
  const part = isPart && (size === null ? sizeText(received) : t('job.awaits.part', { received: sizeText(received), size: sizeText(size) }));
  const why = state === 'again' && progress.awaited.reason;
  const said = [t(`job.awaits.${state}`, { title, time }), part || why].filter(Boolean).join(': ');
  return others ? `${said} ${t('job.awaits.others', { count: others })}` : said;
}
