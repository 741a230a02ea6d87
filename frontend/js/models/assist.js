import { api, ApiError, noted } from '../core/api.js';

/** What a language model wrote. What takes long has begun to be answered, so its refusal is a 200. */
export async function assist(asked) {
  const answer = await api.post('/api/language/assist', asked);
  if (answer.error) throw noted(new ApiError(answer.error));
  return answer;
}
