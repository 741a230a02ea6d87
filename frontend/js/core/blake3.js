/*
 * BLAKE3, as its specification describes it (https://github.com/BLAKE3-team/BLAKE3-specs): plain
 * hashing with 32 bytes of output, fed piece by piece. Words are little-endian and kept as signed
 * 32-bit integers, which is what JavaScript's bitwise operators give.
 */
const BLOCK_BYTES = 64;
const CHUNK_BYTES = 1024;
const ROUNDS = 7;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const START = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const TWO_TO_32 = 2 ** 32;

/** For each round, the places of the words that it mixes in. */
const SCHEDULE = new Uint8Array(ROUNDS * 16);
for (let at = 0; at < SCHEDULE.length; at += 1) {
  SCHEDULE[at] = at < 16 ? at : SCHEDULE[at - 16 + PERMUTATION[at % 16] - (at % 16)];
}

/**
 * The compression function: replaces the chaining value `cv` by the one that follows it.
 *
 * The state is in sixteen variables and the mixing written out, column by column and diagonal by
 * diagonal, because a function for it over an array takes three times as long.
 */
function compress(cv, block, counter, length, flags) {
  let v0 = cv[0];
  let v1 = cv[1];
  let v2 = cv[2];
  let v3 = cv[3];
  let v4 = cv[4];
  let v5 = cv[5];
  let v6 = cv[6];
  let v7 = cv[7];
  let v8 = START[0];
  let v9 = START[1];
  let v10 = START[2];
  let v11 = START[3];
  let v12 = counter | 0;
  let v13 = (counter / TWO_TO_32) | 0;
  let v14 = length;
  let v15 = flags;
  for (let at = 0; at < SCHEDULE.length; at += 16) {
    v0 = (v0 + v4 + block[SCHEDULE[at]]) | 0;
    v12 ^= v0;
    v12 = (v12 >>> 16) | (v12 << 16);
    v8 = (v8 + v12) | 0;
    v4 ^= v8;
    v4 = (v4 >>> 12) | (v4 << 20);
    v0 = (v0 + v4 + block[SCHEDULE[at + 1]]) | 0;
    v12 ^= v0;
    v12 = (v12 >>> 8) | (v12 << 24);
    v8 = (v8 + v12) | 0;
    v4 ^= v8;
    v4 = (v4 >>> 7) | (v4 << 25);
    v1 = (v1 + v5 + block[SCHEDULE[at + 2]]) | 0;
    v13 ^= v1;
    v13 = (v13 >>> 16) | (v13 << 16);
    v9 = (v9 + v13) | 0;
    v5 ^= v9;
    v5 = (v5 >>> 12) | (v5 << 20);
    v1 = (v1 + v5 + block[SCHEDULE[at + 3]]) | 0;
    v13 ^= v1;
    v13 = (v13 >>> 8) | (v13 << 24);
    v9 = (v9 + v13) | 0;
    v5 ^= v9;
    v5 = (v5 >>> 7) | (v5 << 25);
    v2 = (v2 + v6 + block[SCHEDULE[at + 4]]) | 0;
    v14 ^= v2;
    v14 = (v14 >>> 16) | (v14 << 16);
    v10 = (v10 + v14) | 0;
    v6 ^= v10;
    v6 = (v6 >>> 12) | (v6 << 20);
    v2 = (v2 + v6 + block[SCHEDULE[at + 5]]) | 0;
    v14 ^= v2;
    v14 = (v14 >>> 8) | (v14 << 24);
    v10 = (v10 + v14) | 0;
    v6 ^= v10;
    v6 = (v6 >>> 7) | (v6 << 25);
    v3 = (v3 + v7 + block[SCHEDULE[at + 6]]) | 0;
    v15 ^= v3;
    v15 = (v15 >>> 16) | (v15 << 16);
    v11 = (v11 + v15) | 0;
    v7 ^= v11;
    v7 = (v7 >>> 12) | (v7 << 20);
    v3 = (v3 + v7 + block[SCHEDULE[at + 7]]) | 0;
    v15 ^= v3;
    v15 = (v15 >>> 8) | (v15 << 24);
    v11 = (v11 + v15) | 0;
    v7 ^= v11;
    v7 = (v7 >>> 7) | (v7 << 25);
    v0 = (v0 + v5 + block[SCHEDULE[at + 8]]) | 0;
    v15 ^= v0;
    v15 = (v15 >>> 16) | (v15 << 16);
    v10 = (v10 + v15) | 0;
    v5 ^= v10;
    v5 = (v5 >>> 12) | (v5 << 20);
    v0 = (v0 + v5 + block[SCHEDULE[at + 9]]) | 0;
    v15 ^= v0;
    v15 = (v15 >>> 8) | (v15 << 24);
    v10 = (v10 + v15) | 0;
    v5 ^= v10;
    v5 = (v5 >>> 7) | (v5 << 25);
    v1 = (v1 + v6 + block[SCHEDULE[at + 10]]) | 0;
    v12 ^= v1;
    v12 = (v12 >>> 16) | (v12 << 16);
    v11 = (v11 + v12) | 0;
    v6 ^= v11;
    v6 = (v6 >>> 12) | (v6 << 20);
    v1 = (v1 + v6 + block[SCHEDULE[at + 11]]) | 0;
    v12 ^= v1;
    v12 = (v12 >>> 8) | (v12 << 24);
    v11 = (v11 + v12) | 0;
    v6 ^= v11;
    v6 = (v6 >>> 7) | (v6 << 25);
    v2 = (v2 + v7 + block[SCHEDULE[at + 12]]) | 0;
    v13 ^= v2;
    v13 = (v13 >>> 16) | (v13 << 16);
    v8 = (v8 + v13) | 0;
    v7 ^= v8;
    v7 = (v7 >>> 12) | (v7 << 20);
    v2 = (v2 + v7 + block[SCHEDULE[at + 13]]) | 0;
    v13 ^= v2;
    v13 = (v13 >>> 8) | (v13 << 24);
    v8 = (v8 + v13) | 0;
    v7 ^= v8;
    v7 = (v7 >>> 7) | (v7 << 25);
    v3 = (v3 + v4 + block[SCHEDULE[at + 14]]) | 0;
    v14 ^= v3;
    v14 = (v14 >>> 16) | (v14 << 16);
    v9 = (v9 + v14) | 0;
    v4 ^= v9;
    v4 = (v4 >>> 12) | (v4 << 20);
    v3 = (v3 + v4 + block[SCHEDULE[at + 15]]) | 0;
    v14 ^= v3;
    v14 = (v14 >>> 8) | (v14 << 24);
    v9 = (v9 + v14) | 0;
    v4 ^= v9;
    v4 = (v4 >>> 7) | (v4 << 25);
  }
  cv[0] = v0 ^ v8;
  cv[1] = v1 ^ v9;
  cv[2] = v2 ^ v10;
  cv[3] = v3 ^ v11;
  cv[4] = v4 ^ v12;
  cv[5] = v5 ^ v13;
  cv[6] = v6 ^ v14;
  cv[7] = v7 ^ v15;
}

export class Blake3 {
  constructor() {
    /** Chaining values of whole subtrees, the largest first; one for each bit of `chunks`. */
    this.stack = [];
    this.chunks = 0;
    this.bytes = new Uint8Array(BLOCK_BYTES);
    this.view = new DataView(this.bytes.buffer);
    this.block = new Int32Array(16);
    this.#beginChunk();
  }

  /** Hash these bytes as well. */
  update(data) {
    for (let at = 0; at < data.length; ) {
      // A full block, or chunk, is closed by the byte after it alone: the last one ends otherwise.
      if (this.filled === BLOCK_BYTES) this.#closeBlock();
      const taken = data.subarray(at, at + BLOCK_BYTES - this.filled);
      this.bytes.set(taken, this.filled);
      this.filled += taken.length;
      at += taken.length;
    }
    return this;
  }

  /** The hash of everything so far, in hex. Nothing can be added after it. */
  hex() {
    const last = this.stack.pop();
    let cv = this.#endChunk(last === undefined ? ROOT : 0);
    for (let left = last; left !== undefined; ) {
      const next = this.stack.pop();
      cv = parent(left, cv, next === undefined ? ROOT : 0);
      left = next;
    }
    const out = new DataView(new ArrayBuffer(32));
    cv.forEach((word, index) => out.setInt32(index * 4, word, true));
    return [...new Uint8Array(out.buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  #beginChunk() {
    this.cv = Int32Array.from(START);
    this.blocks = 0;
    this.filled = 0;
  }

  #closeBlock() {
    if ((this.blocks + 1) * BLOCK_BYTES === CHUNK_BYTES) {
      this.#addChunk(this.#endChunk(0));
      this.#beginChunk();
    } else {
      this.#compressBlock(0);
      this.blocks += 1;
      this.filled = 0;
    }
  }

  #endChunk(flags) {
    this.bytes.fill(0, this.filled);
    this.#compressBlock(CHUNK_END | flags);
    return this.cv;
  }

  #compressBlock(flags) {
    for (let word = 0; word < 16; word += 1) this.block[word] = this.view.getInt32(word * 4, true);
    const start = this.blocks === 0 ? CHUNK_START : 0;
    compress(this.cv, this.block, this.chunks, this.filled, start | flags);
  }

  /** Join what is complete: as many subtrees as the number of chunks has trailing zeros. */
  #addChunk(cv) {
    this.chunks += 1;
    let joined = cv;
    for (let rest = this.chunks; rest % 2 === 0; rest /= 2) joined = parent(this.stack.pop(), joined, 0);
    this.stack.push(joined);
  }
}

function parent(left, right, flags) {
  const block = new Int32Array(16);
  block.set(left);
  block.set(right, 8);
  const cv = Int32Array.from(START);
  compress(cv, block, 0, BLOCK_BYTES, PARENT | flags);
  return cv;
}
