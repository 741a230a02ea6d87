/* Text that programs leave in PNG files; ComfyUI writes the graph of a picture there. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();

export function isPng(bytes) {
  return SIGNATURE.every((value, index) => bytes[index] === value);
}

/** The texts of a PNG by keyword: tEXt, and iTXt that is not compressed. */
export function readTexts(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts = {};
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const type = latin1.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'tEXt' || type === 'iTXt') addText(texts, type, data);
    at += 12 + length;
  }
  return texts;
}

function addText(texts, type, data) {
  const end = data.indexOf(0);
  if (end < 0) return;
  const keyword = latin1.decode(data.subarray(0, end));
  if (type === 'tEXt') {
    texts[keyword] = latin1.decode(data.subarray(end + 1));
    return;
  }
  const isCompressed = data[end + 1] === 1;
  const language = data.indexOf(0, end + 3);
  const translated = data.indexOf(0, language + 1);
  if (isCompressed || language < 0 || translated < 0) return;
  texts[keyword] = utf8.decode(data.subarray(translated + 1));
}
