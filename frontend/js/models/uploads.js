import { api, ApiError, noted, refusal } from '../core/api.js';

/* Files on their way to Studio: small ones in one request, others in parts that can be resent. */

const IN_ONE_REQUEST = 16 << 20;
const TRIES = 4;
const PAUSE_MS = 1000;
const NOT_IN_NAMES = /[\u0000-\u001f\u007f"*/:<>?\\|]|[. ]+$/g;

/** Upload a file; `onProgress` gets 0 to 1. Answers the asset. */
export function upload(file, onProgress) {
  return file.size > IN_ONE_REQUEST ? inParts(file, onProgress) : atOnce(file, onProgress);
}

/** Whatever a file is called where it comes from, Studio takes names that every system has. */
function nameOf(file) {
  return file.name.replace(NOT_IN_NAMES, '_');
}

function atOnce(file, onProgress) {
  const form = new FormData();
  form.append('content_type', file.type || 'application/octet-stream');
  form.append('file_path', nameOf(file));
  form.append('file', file, nameOf(file));
  // fetch does not tell how much of a body has left.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/v2/assets');
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onerror = () => reject(new ApiError({ code: 'offline', message: '' }));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) resolve(body);
      else reject(failed(request.status, body));
    };
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

async function inParts(file, onProgress) {
  const started = await api.post('/api/uploads', {
    name: nameOf(file),
    size_bytes: file.size,
    content_type: file.type || 'application/octet-stream',
  });
  if (started.asset) return started.asset;
  const have = new Set(started.received);
  for (let part = 0; part < started.parts; part += 1) {
    if (have.has(part)) continue;
    const from = part * started.part_bytes;
    const to = Math.min(from + started.part_bytes, file.size);
    await sendPart(`/api/uploads/${started.id}/parts/${part}`, file.slice(from, to));
    onProgress(to / file.size);
  }
  return (await api.post(`/api/uploads/${started.id}/complete`)).asset;
}

async function sendPart(path, bytes) {
  for (let attempt = 1; ; attempt += 1) {
    let error;
    try {
      const response = await fetch(path, { method: 'PUT', body: bytes });
      if (response.ok) return;
      error = await refusal(response);
    } catch {
      error = new ApiError({ code: 'offline', message: '' });
    }
    const isLasting = error.status >= 400 && error.status < 500 && error.status !== 429;
    if (isLasting || attempt === TRIES) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
  }
}
