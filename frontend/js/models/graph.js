import { numberText, parseExact } from '../core/json.js';
import { isPng, readTexts } from './png.js';

/* Graphs that people bring: what is in them, and what they still need. */

const FILE = /\.(png|jpe?g|webp|gif|bmp|avif|tiff?|mp4|webm|mov|mkv|wav|mp3|flac|ogg|m4a)$/i;
const FOLDER = / \[(?:input|output|temp)\]$/;
const JOB_FOLDER = /^(?:studio\/[0-9a-f-]{36}\/)+/;
const STUDIO_FILE = /^studio\/([0-9a-f-]{36})\.\w+$/;
const MOST_BYTES = 64 << 20;

/** Why a file is no graph: `code` is no_graph, ui_format or too_large. */
export class GraphError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** The graph in a file: API-format JSON, or a PNG that carries one. */
export async function readGraph(file) {
  if (file.size > MOST_BYTES) throw new GraphError('too_large');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = isPng(bytes) ? readTexts(bytes).prompt : new TextDecoder().decode(bytes);
  return graphIn(text);
}

export function graphIn(text) {
  let value;
  try {
    value = parseExact(text);
  } catch {
    throw new GraphError('no_graph');
  }
  // What a program would post is a graph with something around it.
  for (const name of ['prompt', 'workflow']) if (isGraph(value?.[name])) value = value[name];
  if (isGraph(value)) return tidied(value);
  const isUi = [value, value?.workflow].some((each) => Array.isArray(each?.nodes));
  throw new GraphError(isUi ? 'ui_format' : 'no_graph');
}

function isGraph(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const nodes = Object.values(value);
  return nodes.length > 0 && nodes.every((node) => typeof node?.class_type === 'string');
}

/** Pictures made by Studio name the folder of the job they came from; that is not the next one's. */
function tidied(graph) {
  for (const { inputs } of Object.values(graph)) {
    const prefix = inputs?.filename_prefix;
    if (typeof prefix === 'string') inputs.filename_prefix = prefix.replace(JOB_FOLDER, '');
    for (const [name, value] of Object.entries(inputs ?? {})) {
      const own = typeof value === 'string' && STUDIO_FILE.exec(value);
      if (own) inputs[name] = assetValue(own[1]);
    }
  }
  return graph;
}

/** How a graph names one of the caller's files. */
export function assetValue(id) {
  return { __type: 'core/ASSET', info: { id } };
}

const titleOf = (node) => node._meta?.title || node.class_type;

/** Files that the graph reads: {nodeId, name, title, file} with the name it had. */
export function filesOf(graph) {
  return Object.entries(graph).flatMap(([nodeId, node]) =>
    Object.entries(node.inputs ?? {})
      .filter(([, value]) => typeof value === 'string' && FILE.test(value.replace(FOLDER, '')))
      .filter(([name]) => node.class_type.includes('Load') || name === 'image')
      .map(([name, file]) => ({ nodeId, name, title: titleOf(node), file })),
  );
}

/** A copy of the graph with other values: [{nodeId, name, value}]. */
export function withValues(graph, values) {
  const copy = { ...graph };
  for (const { nodeId, name, value } of values) {
    const node = copy[nodeId];
    copy[nodeId] = { ...node, inputs: { ...node.inputs, [name]: value } };
  }
  return copy;
}

/** The longest texts of a graph, most likely its prompts. */
export function textsOf(graph) {
  return Object.values(graph)
    .filter((node) => /text|prompt|string/i.test(node.class_type))
    .flatMap((node) => Object.entries(node.inputs ?? {}))
    .filter(([name, value]) => /text|prompt|string|value/i.test(name) && typeof value === 'string')
    .map(([, value]) => value.trim())
    .filter(Boolean)
    .sort((a, b) => b.length - a.length);
}

/** Names of the model files in a graph. */
export function modelsOf(graph) {
  const values = Object.values(graph).flatMap((node) => Object.values(node.inputs ?? {}));
  return [...new Set(values.filter((value) => isModel(value)))];
}

const isModel = (value) =>
  typeof value === 'string' && /\.(safetensors|ckpt|gguf|pth?|bin)$/i.test(value);

/** What the shipped text-to-image graph was filled with; null for any other graph. */
export function settingsOf(graph) {
  const { checkpoint, positive, negative, latent, sampler } = graph;
  if (!checkpoint?.inputs.ckpt_name || !positive || !negative || !latent || !sampler) return null;
  return {
    prompt: positive.inputs.text,
    negative: negative.inputs.text,
    checkpoint: checkpoint.inputs.ckpt_name,
    width: latent.inputs.width,
    height: latent.inputs.height,
    count: latent.inputs.batch_size,
    steps: sampler.inputs.steps,
    cfg: sampler.inputs.cfg,
    seed: seedsOf(graph)[0],
  };
}

/** Literal seeds, as text. */
export function seedsOf(graph) {
  return Object.values(graph).flatMap((node) =>
    ['seed', 'noise_seed']
      .map((name) => node.inputs?.[name])
      .filter((value) => value !== undefined && !Array.isArray(value))
      .map(numberText),
  );
}
