import { api, ApiError, noted, refusal } from '../core/api.js';
import { hashOf } from './hashing.js';

/* Files on their way to Studio: small ones in one request, others in parts that can be resent. */

const IN_ONE_REQUEST = 16 << 20;
const TRIES = 4;
const PAUSE_MS = 1000;
const NOT_IN_NAMES = /[\u0000-\u001f\u007f"*/:<>?\\|]|[. ]+$/g;

/** Uploads that this page sends parts of at the moment: they are no leftovers to go on with. */
const underWay = new Set();

/**
 * Upload a file. Answers the asset.
 *
 * A large one is hashed first: bytes that Studio has are not sent again, and one that a reload or a
 * cut line interrupted goes on when the same file is chosen again. What is refused or given up is
 * removed, since Studio keeps room for it.
 *
 * @param handlers onHash(part) while a large file is read, onSend(part) while it leaves; 0 to 1
 * @param signal gives it up
 * @param place where it goes, as `models/<folder>/<name>`; else it is a file of one's own, under its name
 */
export function upload(file, { onHash, onSend }, signal, place = nameOf(file)) {
  if (file.size <= IN_ONE_REQUEST) return atOnce(file, place, onSend, signal);
  return inParts(file, place, onHash, onSend, signal);
}

/** Whatever a file is called where it comes from, Studio takes names that every system has. */
function nameOf(file) {
  return file.name.replace(NOT_IN_NAMES, '_');
}

function atOnce(file, place, onSend, signal) {
  const form = new FormData();
  form.append('content_type', file.type || 'application/octet-stream');
  form.append('file_path', place);
  form.append('file', file, nameOf(file));
  // fetch does not tell how much of a body has left.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/v2/assets');
    request.upload.onprogress = ({ loaded, total }) => onSend(loaded / total);
    request.onerror = () => reject(new ApiError({ code: 'offline', message: '' }));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) resolve(body);
      else reject(failed(request.status, body));
    };
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function failed(status, body) {
  return noted(new ApiError({ code: `http_${status}`, message: '', ...body.error, status }));
}

async function inParts(file, place, onHash, onSend, signal) {
  const begun = await begin(file, place, await hashOf(file, onHash, signal), signal);
  if (begun.asset) return begun.asset;
  underWay.add(begun.id);
  try {
    return await sendMissing(begun, file, onSend, signal);
  } catch (error) {
    if (signal.aborted || !canGoOn(error)) await giveUp(begun.id);
    throw error;
  } finally {
    underWay.delete(begun.id);
  }
}

/** An upload of these bytes that was interrupted, or a new one, or {asset} when Studio has them. */
async function begin(file, name, hash, signal) {
  const { uploads } = await api.get('/api/uploads', { signal });
  const isSame = (each) => each.name === name && each.hash === hash && !underWay.has(each.id);
  const found = uploads.find(isSame);
  if (found) return found;
  const body = {
    name,
    hash,
    size_bytes: file.size,
    content_type: file.type || 'application/octet-stream',
  };
  return api.post('/api/uploads', body, { signal });
}

async function sendMissing(begun, file, onSend, signal) {
  const path = `/api/uploads/${begun.id}`;
  const have = new Set(begun.received);
  for (let part = 0; part < begun.parts; part += 1) {
    const from = part * begun.part_bytes;
    const to = Math.min(from + begun.part_bytes, file.size);
    if (!have.has(part)) {
      const bytes = file.slice(from, to);
      await patiently(() => put(`${path}/parts/${part}`, bytes, signal), signal);
    }
    onSend(to / file.size);
  }
  // Large files take a while to be hashed, and a proxy may lose patience: it is the same work then.
  return (await patiently(() => api.post(`${path}/complete`, undefined, { signal }), signal)).asset;
}

async function put(path, body, signal) {
  let response;
  try {
    response = await fetch(path, { method: 'PUT', body, signal });
  } catch {
    throw new ApiError({ code: 'offline', message: '' });
  }
  if (!response.ok) throw await refusal(response);
}

async function patiently(request, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      if (signal.aborted || !passes(error) || attempt === TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
  }
}

const passes = ({ code, status }) =>
  code === 'offline' || status === 429 || (status >= 500 && code !== 'disk_full');

/** Whether the upload is good for another try: Studio was away, the session, or another tab sends. */
const canGoOn = (error) => passes(error) || error.status === 401 || error.status === 409;

async function giveUp(id) {
  try {
    await api.remove(`/api/uploads/${id}`);
  } catch {
    // Gone already, or out of reach: it ends by itself after a day.
  }
}
