import { api, ApiError, noted } from '../core/api.js';

const FRESH_MS = 60_000;
let heard = { at: -Infinity, models: null };

/** The models that could help; what was heard lately is not asked again by every form. */
export function helpers() {
  if (Date.now() - heard.at > FRESH_MS) {
    const models = api.get('/api/chats/models').then(({ items }) => items);
    const asked = (heard = { at: Date.now(), models });
    models.catch(() => (asked.at = -Infinity));
  }
  return heard.models;
}

/** What a language model wrote. What takes long has begun to be answered, so its refusal is a 200. */
export async function assist(asked) {
  const answer = await api.post('/api/language/assist', asked);
  if (answer.error) throw noted(new ApiError(answer.error));
  return answer;
}
