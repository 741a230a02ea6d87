import { numberText } from '../core/json.js';

/* What a graph holds, for people: its nodes in the order in which they run, and their fields. */

const isLink = (value) =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';
const isPlain = (value) => value === null || typeof value !== 'object' || isNumber(value);
const isNumber = (value) =>
  typeof value === 'number' || (typeof JSON.isRawJSON === 'function' && JSON.isRawJSON(value));

/** A value as a person would write it. */
export function valueText(value) {
  if (value === null || value === undefined) return '';
  if (isNumber(value)) return numberText(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const IMPORT = /^\{\{\s*(\w+)\s*\}\}$/;

/** Nodes by the names that targets know them by; those of blocks begin with their stage. */
function named(graph, manifest) {
  const { blocks } = graph;
  if (!manifest?.pipeline || !blocks || blocks.class_type) return Object.entries(graph);
  const found = [];
  /** What each stage makes, by `stage.export`: the node that it comes from. */
  const made = new Map();
  for (const stage of manifest.pipeline) {
    const { block, cases = {} } = stage;
    const files = stage.switch ? [...Object.values(cases), stage.default] : [stage.file ?? `${block}.json`];
    for (const { nodes, exports = {} } of files.map((file) => blocks[file]).filter(Boolean)) {
      for (const [id, node] of Object.entries(nodes)) {
        found.push([`${block}:${id}`, { ...node, inputs: wired(node.inputs, block, stage.with ?? {}, made) }]);
      }
      for (const [name, { node }] of Object.entries(exports)) made.set(`${block}.${name}`, `${block}:${node}`);
    }
  }
  return found;
}

/** Inputs of a block's node with its links, and with imports as links to where they come from. */
function wired(inputs = {}, block, wiring, made) {
  const link = (value) => {
    if (isLink(value)) return [`${block}:${value[0]}`, value[1]];
    const name = typeof value === 'string' ? IMPORT.exec(value)?.[1] : null;
    if (!name) return value;
    const sources = wiring[name] ? [wiring[name]].flat() : [...made.keys()].filter((each) => each.endsWith(`.${name}`));
    const from = made.get(sources.at(-1));
    return from ? [from, 0] : value;
  };
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, link(value)]));
}

/**
 * The nodes of a graph in the order in which they run.
 *
 * Each is {id, type, title, depth, links: [{name, from}], fields: [{name, value}]}.
 */
export function nodesOf(graph, manifest = null) {
  const nodes = new Map(named(graph, manifest).map(([id, node]) => [id, nodeOf(id, node)]));
  for (const node of nodes.values()) node.links = node.links.filter(({ from }) => nodes.has(from));
  setDepths(nodes);
  return [...nodes.values()].sort((one, other) => one.depth - other.depth);
}

function nodeOf(id, { class_type: type, inputs = {}, _meta: meta }) {
  const entries = Object.entries(inputs);
  const title = typeof meta?.title === 'string' ? meta.title : '';
  return {
    id,
    type,
    title,
    depth: 0,
    links: entries.filter(([, value]) => isLink(value)).map(([name, [from]]) => ({ name, from })),
    fields: entries.filter(([, value]) => isPlain(value)).map(([name, value]) => ({ name, value })),
  };
}

/** How many steps lie before each node; a graph has no cycles, Studio refuses those. */
function setDepths(nodes) {
  const takers = new Map();
  const open = new Map();
  for (const node of nodes.values()) {
    const sources = new Set(node.links.map(({ from }) => from));
    open.set(node.id, sources.size);
    for (const from of sources) takers.set(from, [...(takers.get(from) ?? []), node.id]);
  }
  const free = [...nodes.keys()].filter((id) => open.get(id) === 0);
  while (free.length) {
    const id = free.pop();
    for (const taker of takers.get(id) ?? []) {
      const node = nodes.get(taker);
      node.depth = Math.max(node.depth, nodes.get(id).depth + 1);
      open.set(taker, open.get(taker) - 1);
      if (open.get(taker) === 0) free.push(taker);
    }
  }
}

const BOX = { width: 164, height: 38, across: 40, down: 12, edge: 12 };

/** Where each node lies in a picture: columns by depth, near to what it takes. */
export function layOut(nodes) {
  const columns = [];
  const places = new Map();
  for (const node of nodes) (columns[node.depth] ??= []).push(node);
  for (const column of columns.filter(Boolean)) {
    const wish = (node) => {
      const rows = node.links.map(({ from }) => places.get(from)?.row ?? 0);
      return rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : 0;
    };
    const ordered = column.map((node) => ({ node, at: wish(node) })).sort((a, b) => a.at - b.at);
    ordered.forEach(({ node }, row) => {
      const x = BOX.edge + node.depth * (BOX.width + BOX.across);
      places.set(node.id, { row, x, y: BOX.edge + row * (BOX.height + BOX.down) });
    });
  }
  const most = Math.max(0, ...columns.map((column) => column?.length ?? 0));
  return {
    places,
    box: BOX,
    width: BOX.edge * 2 + columns.length * (BOX.width + BOX.across) - BOX.across,
    height: BOX.edge * 2 + most * (BOX.height + BOX.down) - BOX.down,
  };
}

/** What a node class says about one input: [type or choices, options], or nothing. */
export function declaredOf(info, name) {
  const last = name.split('.').at(-1);
  for (const part of Object.values(info?.input ?? {})) {
    const found = part?.[name] ?? part?.[last];
    if (Array.isArray(found)) return found;
  }
  return null;
}

const FILES = ['image', 'video', 'audio'];
const SEEDS = /(^|_)seed$/;

/** The input that a person most likely wants for a field of a node. */
export function inputFor(node, field, declared, takenIds) {
  const [type, options = {}] = declared ?? [];
  const { name, value } = field;
  const target = { node: node.id, class: node.type, input: name };
  if (node.title) target.title = node.title.slice(0, 200);
  const input = {
    id: freeId(name, takenIds),
    name: (nameText(name) || name).slice(0, 200),
    ...kindOf(node, name, value, type, options),
    targets: [target],
  };
  return Object.fromEntries(Object.entries(input).filter(([, each]) => each !== undefined));
}

function kindOf(node, name, value, type, options) {
  const limits = { min: options.min, max: options.max, step: options.step > 0 ? options.step : undefined };
  const upload = FILES.find((kind) => options[`${kind}_upload`]);
  if (upload) return { type: node.type.includes('Mask') ? 'mask' : upload, required: true };
  if (type === 'INT' && SEEDS.test(name)) return { type: 'seed', default: -1 };
  if (type === 'INT' || (!type && isNumber(value))) return { type: type ? 'int' : 'float', default: value, ...limits };
  if (type === 'FLOAT') return { type: 'float', default: value, ...limits };
  if (type === 'BOOLEAN' || typeof value === 'boolean') return { type: 'boolean', default: value };
  if (Array.isArray(type) || type === 'COMBO') {
    const kind = { ckpt_name: 'checkpoint', vae_name: 'vae' }[name] ?? 'select';
    return { type: kind, default: value, required: kind !== 'select' || undefined };
  }
  const isLong = options.multiline || String(value).length > 60;
  return { type: 'text', default: valueText(value), multiline: isLong || undefined };
}

const nameText = (name) => {
  const words = name.split('.').at(-1).replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function freeId(name, taken) {
  const base = name.replace(/\W/g, '_').replace(/^(\d)/, '_$1').slice(0, 60) || 'input';
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? base : `${base}_${number}`;
    if (!taken.has(id)) return id;
  }
}
