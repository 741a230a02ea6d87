import { api } from '../core/api.js';
import { parseExact } from '../core/json.js';
import { Store, kept } from '../core/store.js';
import { nodesOf } from './nodes.js';
import { session } from './session.js';
import { pathOf } from './workflows.js';

const CHECK_MS = 350;
/** What a browser keeps for a page of Studio is about 5 MB in all. */
const MOST_KEPT = 1_000_000;
const keptName = () => `workflow-draft.${session.user?.id}`;

/**
 * A workflow that is being made or changed: a graph, and the manifest that says what it asks for.
 *
 * Studio checks every change without storing it: `form` is what people would see, `refusal` why it
 * could not be saved. What was begun survives a reload, until it is saved or given up.
 */
class Wizard extends Store {
  constructor() {
    super();
    this.#become(null);
    session.addEventListener('other', () => this.#become(null));
  }

  #become(content) {
    const empty = { graph: null, manifest: null, id: null, base: null, title: '', problems: [], source: '' };
    Object.assign(this, empty, content);
    Object.assign(this, { form: [], readiness: null, refusal: null, isChecking: false, yaml: null });
    this.nodes = this.graph ? nodesOf(this.graph, this.manifest) : [];
    this.isChanged = Boolean(content?.isChanged);
  }

  get isOpen() {
    return this.graph !== null;
  }

  get inputs() {
    return this.manifest?.inputs ?? [];
  }

  /** What a file held. */
  begin({ graph, proposal, problems, format }, fileName) {
    this.#open({ graph, manifest: proposal, problems, source: format, title: fileName, isChanged: true });
    this.#keep();
  }

  /** A workflow of Studio's, to become a new version. */
  edit({ id, head, graph, manifest, name }) {
    this.#open({ graph, manifest, id, base: head, title: name, source: 'studio' });
  }

  /** What this browser kept of it; answers whether there was anything. */
  resume(id = null) {
    const text = kept.get(keptName(), '');
    if (this.isOpen && this.id === id) return true;
    const found = text ? parseExact(text) : null;
    if (!found?.graph || found.id !== id) return false;
    this.#open(found);
    return true;
  }

  #open(content) {
    this.#become(content);
    this.changed();
    this.check();
  }

  close() {
    kept.remove(keptName());
    this.leave();
  }

  /** Look away: what was begun is still kept. */
  leave() {
    clearTimeout(this.timer);
    this.#become(null);
    this.changed();
  }

  /** All of it, for `reopen`. */
  snapshot() {
    const { graph, manifest, id, base, title, problems, source, isChanged } = this;
    return { graph, manifest, id, base, title, problems, source, isChanged };
  }

  reopen(content) {
    this.#open(content);
    this.#keep();
  }

  /** A graph in the place of the present one; inputs find their nodes again by class and title. */
  setGraph({ graph, problems }) {
    const nodes = nodesOf(graph);
    Object.assign(this, { graph, problems, nodes });
    this.setInputs(retargeted(this.inputs, nodes));
  }

  set(facts) {
    const whole = { ...this.manifest, ...facts };
    const isGiven = ([name, value]) => name === 'name' || !(name in facts) || value !== '';
    this.#change(Object.fromEntries(Object.entries(whole).filter(isGiven)));
  }

  setInputs(inputs) {
    this.#change({ ...this.manifest, inputs });
  }

  /** Change one input; what is undefined is left out of it. */
  setInput(index, facts) {
    const changed = Object.entries({ ...this.inputs[index], ...facts });
    const input = Object.fromEntries(changed.filter(([, value]) => value !== undefined));
    this.setInputs(this.inputs.with(index, input));
  }

  move(index, by) {
    const to = index + by;
    if (to < 0 || to >= this.inputs.length) return;
    const inputs = [...this.inputs];
    inputs.splice(to, 0, ...inputs.splice(index, 1));
    this.setInputs(inputs);
  }

  /** Which input takes the value of this field, or -1. */
  indexOf(node, name) {
    const isIt = (target) => target.node === node.id && target.input === name;
    return this.inputs.findIndex(({ targets = [] }) => targets.some(isIt));
  }

  #change(manifest) {
    this.manifest = manifest;
    this.yaml = null;
    this.#changed();
  }

  /** The manifest as somebody types it; it counts once Studio can read it. */
  setYaml(text) {
    this.yaml = text;
    this.#changed();
  }

  #changed() {
    this.isChanged = true;
    this.#keep();
    this.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }

  #keep() {
    // As text of its own: large seeds are kept as they were written.
    const text = JSON.stringify(this.snapshot());
    if (text.length <= MOST_KEPT) kept.set(keptName(), text);
  }

  async check() {
    const asked = (this.asked = {});
    const body = { manifest: this.yaml ?? this.manifest, graph: this.graph };
    this.isChecking = true;
    this.changed();
    try {
      const { manifest, form, readiness } = await api.post('/api/workflows/check', body);
      if (asked !== this.asked || !this.isOpen) return;
      if (this.yaml !== null) {
        this.manifest = manifest;
        this.nodes = nodesOf(this.graph, manifest);
        this.#keep();
      }
      Object.assign(this, { form, readiness, refusal: null });
    } catch (error) {
      if (asked !== this.asked || !this.isOpen) return;
      this.refusal = error;
    }
    this.isChecking = false;
    this.changed();
  }

  /** What is wrong with one input, in words of Studio's. */
  problemsOf(index) {
    const { code, details, message } = this.refusal ?? {};
    if (details?.input && details.input === this.inputs[index]?.id) return [message];
    if (code !== 'invalid_manifest' || this.yaml !== null) return [];
    const path = `inputs[${index}]`;
    const isHere = (each) => each.path === path || each.path.startsWith(`${path}.`);
    return (details?.problems ?? []).filter(isHere).map(({ path: whole, message: text }) => {
      const rest = whole.slice(path.length + 1);
      return rest ? `${rest}: ${text}` : text;
    });
  }

  /** Save it; answers the workflow. */
  async save(comment) {
    const body = { manifest: this.yaml ?? this.manifest, graph: this.graph, comment };
    const saved = this.id
      ? await api.put(pathOf(this.id), { ...body, base_version: this.base })
      : await api.post('/api/workflows', body);
    this.close();
    return saved;
  }
}

/** Inputs whose targets name the nodes of another export; only what is certain is changed. */
function retargeted(inputs, nodes) {
  const fits = ({ class: type, title = '' }) => nodes.filter((node) => node.type === type && node.title === title);
  const found = (target) => {
    const isSame = nodes.some(({ id, type }) => id === target.node && type === target.class);
    const same = fits(target);
    if (same.some(({ id }) => id === target.node) || (isSame && !same.length)) return target;
    return same.length === 1 ? { ...target, node: same[0].id } : target;
  };
  return inputs.map((input) => (input.targets ? { ...input, targets: input.targets.map(found) } : input));
}

export const wizard = new Wizard();
