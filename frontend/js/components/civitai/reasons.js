import { has, t } from '../../core/messages.js';
import { whyText as whyFile } from '../download_row.js';

/** Why something of Civitai's cannot be had, in words. */
export function whyText(error) {
  const text = has(`civitai.why.${error.code}`) ? t(`civitai.why.${error.code}`) : whyFile(error);
  const wait = error.retryAfter ?? error.details?.retry_after_s;
  return wait > 1 ? `${text} ${t('shell.time.wait', { count: wait })}` : text;
}
