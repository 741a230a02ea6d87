import { parseExact } from './json.js';
import { Store } from './store.js';

/** A refusal of Studio's, or `code` "offline" when it could not be reached. */
export class ApiError extends Error {
  constructor({ code, message, details = null, status = 0, retryAfter = null }) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** Says `change` when an answer shows that nobody is logged in any more. */
export const loggedOut = new Store();

/** A wrong password and a used link are 401 too, and end no session. */
export function noted(error) {
  if (error.code === 'unauthorized') loggedOut.changed();
  return error;
}

/** The refusal in an answer. */
export async function refusal(response) {
  let error = { code: `http_${response.status}`, message: '' };
  try {
    error = (await response.json()).error ?? error;
  } catch {
    // A proxy's own page, perhaps; the status says enough.
  }
  const retryAfter = Number(response.headers.get('retry-after')) || null;
  return noted(new ApiError({ ...error, status: response.status, retryAfter }));
}

async function call(method, path, { body, headers = {}, signal, keepalive } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      keepalive,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError({ code: 'offline', message: '' });
  }
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? null : parseExact(await response.text());
}

export const api = {
  get: (path, options) => call('GET', path, options),
  post: (path, body, options) => call('POST', path, { body, ...options }),
  put: (path, body, options) => call('PUT', path, { body, ...options }),
  patch: (path, body, options) => call('PATCH', path, { body, ...options }),
  remove: (path) => call('DELETE', path),
};

/** An address with a query; empty values are left out. */
export function address(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value != null);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A key for one submit. `crypto.randomUUID` does not exist on plain http. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
