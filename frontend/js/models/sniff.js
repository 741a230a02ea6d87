/* How ComfyUI's two formats begin, wherever a picture, film or sound keeps them. */
const MARKS = ['"class_type"', '"last_node_id"', '"definitions"'];
const STEP_BYTES = 4 << 20;
const MOST_BYTES = 512 << 20;
const OVERLAP = 32;
const MEDIA = /^(?:image|video|audio)\//;

/** What a file is, as `drops` knows kinds: by its type, and by whether a workflow is inside. */
export async function kindOf(file) {
  if (file.type === 'application/json' || /\.json$/i.test(file.name)) return 'graph';
  if (!MEDIA.test(file.type)) return 'file';
  if (await carriesGraph(file)) return 'graph';
  return file.type.startsWith('image/') ? 'image' : 'media';
}

async function carriesGraph(file) {
  const decoder = new TextDecoder('latin1');
  const end = Math.min(file.size, MOST_BYTES);
  for (let at = 0; at < end; at += STEP_BYTES) {
    const part = await file.slice(Math.max(0, at - OVERLAP), at + STEP_BYTES).arrayBuffer();
    const text = decoder.decode(part);
    // Both ways that text is kept: as it is, and with its quotes escaped.
    if (MARKS.some((mark) => text.includes(mark) || text.includes(mark.replaceAll('"', '\\"')))) return true;
  }
  return false;
}
