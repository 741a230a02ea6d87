/*
 * The link that this page is about. Everything it can ask for lies below one address, which has the
 * token; nothing else of Studio is asked.
 */
const BASE = `/api/shares/${location.pathname.split('/')[2]}`;

/** A refusal: its code for programs, a sentence, and after how many seconds to try again. */
export class Refusal extends Error {
  constructor({ code, message, details }, retryAfter = 0) {
    super(message);
    this.code = code;
    this.details = details ?? {};
    this.retryAfter = retryAfter;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(BASE + path, options);
  } catch {
    throw new Refusal({ code: 'offline', message: '' });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const { error = { code: 'unknown', message: answer.statusText } } = body;
  throw new Refusal(error, Number(answer.headers.get('retry-after')) || 0);
}

const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

export const link = {
  visit: (password) => post('/visit', password ? { password } : {}),
  pictures: (start, limit) => ask(`/pictures?start=${start}&limit=${limit}`),
  picture: (id) => ask(`/pictures/${id}`),
  content: (id) => `${BASE}/pictures/${id}/content`,
  thumbnail: (id, size = 'small') => `${BASE}/pictures/${id}/thumbnail?size=${size}`,
  run: (id, values, answers) => post('/runs', { id, values, answers }),
  runs: () => ask('/runs'),
  get: (id) => ask(`/runs/${id}`),
  cancel: (id) => post(`/runs/${id}/cancel`, {}),
  preview: (run, which) => `${BASE}/runs/${run}/preview?which=${which}`,
  output: (run, id) => `${BASE}/runs/${run}/outputs/${id}/content`,
  small: (run, id) => `${BASE}/runs/${run}/outputs/${id}/thumbnail?size=large`,
  send: (file) =>
    ask(`/files?name=${encodeURIComponent(file.name.slice(-80))}`, { method: 'POST', body: file }),
};
