import { Blake3 } from '../core/blake3.js';

/*
 * Hashes one file beside the page. Gets the file; says {value} from 0 to 1 on the way, and at the
 * end {hash}, or {problem} when the file can no longer be read.
 */
const STEP_BYTES = 4 << 20;

onmessage = async ({ data: file }) => {
  const hasher = new Blake3();
  try {
    for (let at = 0; at < file.size; at += STEP_BYTES) {
      hasher.update(new Uint8Array(await file.slice(at, at + STEP_BYTES).arrayBuffer()));
      postMessage({ value: Math.min(1, (at + STEP_BYTES) / file.size) });
    }
    postMessage({ hash: `blake3:${hasher.hex()}` });
  } catch {
    postMessage({ problem: 'unreadable_file' });
  }
};
