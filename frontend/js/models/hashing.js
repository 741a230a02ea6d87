import { ApiError } from '../core/api.js';
import { workerAddress } from '../core/trusted.js';

const WORKER = '/static/js/workers/hash.js';

/**
 * The hash of a file as Studio names it, computed beside the page; `onProgress` gets 0 to 1.
 *
 * Rejects with the signal's reason when that gives it up, and with an ApiError when the file cannot
 * be read, or the worker not be loaded.
 */
export function hashOf(file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerAddress(WORKER), { type: 'module' });
    const end = (settle, value) => {
      worker.terminate();
      settle(value);
    };
    const fail = (code) => end(reject, new ApiError({ code, message: '' }));
    worker.onmessage = ({ data }) => {
      if (data.hash) end(resolve, data.hash);
      else if (data.problem) fail(data.problem);
      else onProgress(data.value);
    };
    worker.onerror = () => fail('offline');
    signal.addEventListener('abort', () => end(reject, signal.reason));
    worker.postMessage(file);
  });
}
