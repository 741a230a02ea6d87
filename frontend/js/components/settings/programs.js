import { Element, html, nothing } from '../../core/element.js';
import { api } from '../../core/api.js';
import { copyText } from '../../core/clipboard.js';
import { t } from '../../core/messages.js';
import { notices } from '../../models/notices.js';
import { session } from '../../models/session.js';
import { openDialog } from '../dialog.js';
import { selectField } from '../field.js';
import { FormElement } from '../form.js';
import { icon } from '../icons.js';
import { ListElement } from '../list.js';

const TASKS = ['generate', 'edit'];
/* What a program can say, and the types of inputs that can take it. */
const ROLES = {
  prompt: 'text',
  negative: 'text',
  image: 'image',
  mask: 'mask',
  size: 'resolution',
  width: 'int',
  height: 'int',
  n: 'int',
  quality: 'select',
  seed: 'seed',
};

/** What draws when a program asks for pictures by a model's name. */
class DrawingModels extends ListElement {
  async load() {
    return (await api.get('/api/drawing-models')).items;
  }

  render() {
    const mayChange = session.can('admin');
    return html`
      <section class="card">
        <h3>${t('programs.models')}</h3>
        <p class="hint">${t('programs.modelsHelp')}</p>
        ${this.problem()} ${this.rows((item) => this.#row(item, mayChange))}
        ${mayChange
          ? html`<div class="inline-buttons">
              <button @click=${() => this.#open(null)}>${icon('plus')}${t('programs.add')}</button>
            </div>`
          : nothing}
      </section>
    `;
  }

  #row(item, mayChange) {
    const says = (task) => (item[task] ? t(`programs.does.${task}`, { name: item[task].name }) : '');
    const words = TASKS.map(says).filter(Boolean).join(' · ') || t('programs.doesNothing');
    return html`
      <div class="row-words">
        <span class="row-title"><code>${item.name}</code></span>
        <span class="hint">${item.default ? `${t('programs.isDefault')} ` : ''}${words}</span>
      </div>
      ${mayChange
        ? html`<div class="inline-buttons">
            <button @click=${() => this.#open(item)}>${t('programs.change')}</button>
            ${item.built_in
              ? nothing
              : html`<button @click=${() => this.change(() => api.remove(pathOf(item.name)))}>
                  ${icon('remove')}${t('shell.remove')}
                </button>`}
          </div>`
        : nothing}
    `;
  }

  async #open(item) {
    const { closed } = openDialog({
      label: t('programs.what'),
      content: (close) =>
        html`<drawing-model-form .item=${item} .onDone=${(saved) => close(saved)}></drawing-model-form>`,
    });
    if (await closed) await this.reload();
  }
}

customElements.define('settings-drawing-models', DrawingModels);

/** One drawing model: its name, what draws, and which input takes what. */
class DrawingModelForm extends FormElement {
  static properties = { item: { attribute: false }, onDone: { attribute: false } };

  connectedCallback() {
    super.connectedCallback();
    this.choices = { presets: [], workflows: [] };
    /** By task: what was chosen, its workflow's inputs, and the fields that somebody chose. */
    this.targets = {};
    for (const task of TASKS) {
      const now = this.item?.[task];
      const value = now ? (now.preset_id ? `preset:${now.preset_id}` : `workflow:${now.workflow_id}`) : '';
      this.targets[task] = { value, inputs: [], guessed: now?.fields ?? {}, fields: { ...now?.chosen } };
    }
    notices.attempt(() => this.#load());
  }

  async #load() {
    const [presets, workflows] = await Promise.all([
      api.get('/api/presets?limit=500'),
      api.get('/api/workflows?limit=500'),
    ]);
    this.choices = { presets: presets.items, workflows: workflows.items };
    await Promise.all(TASKS.map((task) => this.#inputs(task)));
    this.requestUpdate();
  }

  async #inputs(task) {
    const target = this.targets[task];
    const [kind, id] = split(target.value);
    const preset = kind === 'preset' ? this.choices.presets.find((each) => each.id === id) : null;
    const workflow = preset ? preset.workflow_id : id;
    if (!workflow) return;
    const { form } = await api.get(`/api/workflows/${encodeURIComponent(workflow)}`);
    if (target === this.targets[task]) target.inputs = form;
  }

  async #choose(task, value) {
    this.targets[task] = { value, inputs: [], guessed: {}, fields: {} };
    this.requestUpdate();
    await notices.attempt(() => this.#inputs(task));
    this.requestUpdate();
  }

  render() {
    return html`
      <form @submit=${(event) => this.submitted(event, (values) => this.#save(values))}>
        <h2>${t('programs.what')}</h2>
        <label class="field">
          <span>${t('programs.name')}</span>
          <input
            name="name"
            required
            maxlength="100"
            autocapitalize="none"
            spellcheck="false"
            ?readonly=${Boolean(this.item)}
            .value=${this.item?.name ?? ''}
          />
          <small>${t('programs.nameHelp')}</small>
        </label>
        ${TASKS.map((task) => this.#task(task))} ${this.problem()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy}>${t('programs.save')}</button>
        </div>
      </form>
    `;
  }

  #task(task) {
    const target = this.targets[task];
    const named = (kind) => (each) => ({ value: `${kind}:${each.id}`, label: each.name });
    const { presets, workflows } = this.choices;
    const options = [
      { value: '', label: t('programs.nothing') },
      ...presets.map(named('preset')),
      ...workflows.map(({ id, name }) => ({
        value: `workflow:${id}`,
        label: t('programs.workflow', { name }),
      })),
    ];
    return html`
      ${selectField({
        label: t(`programs.tasks.${task}`),
        value: target.value,
        options,
        onChange: (value) => this.#choose(task, value),
      })}
      ${target.inputs.length ? this.#fields(target) : nothing}
    `;
  }

  #fields(target) {
    const rows = Object.entries(ROLES).flatMap(([role, type]) => {
      const fitting = target.inputs.filter((input) => input.type === type);
      return fitting.length ? [[role, fitting]] : [];
    });
    return html`
      <details>
        <summary>${t('programs.fields')}</summary>
        <div class="fields">
          ${rows.map(([role, fitting]) =>
            selectField({
              label: t(`programs.roles.${role}`),
              value: target.fields[role] ?? '',
              options: [
                { value: '', label: t('programs.guess') },
                ...fitting.map(({ id, name }) => ({ value: id, label: name })),
              ],
              onChange: (value) => {
                target.fields = { ...target.fields, [role]: value };
                this.requestUpdate();
              },
            }),
          )}
        </div>
      </details>
    `;
  }

  async #save({ name }) {
    const body = {};
    for (const task of TASKS) {
      const { value, fields } = this.targets[task];
      const [kind, id] = split(value);
      const chosen = Object.fromEntries(Object.entries(fields).filter(([, input]) => input));
      body[task] = id ? { [`${kind}_id`]: id, fields: chosen } : null;
    }
    await api.put(pathOf(name.trim()), body);
    notices.say(t('programs.saved'));
    this.onDone(true);
  }
}

customElements.define('drawing-model-form', DrawingModelForm);

const pathOf = (name) => `/api/drawing-models/${name.split('/').map(encodeURIComponent).join('/')}`;

/** The kind of what a choice means, and its id. */
function split(value) {
  const at = value.indexOf(':');
  return at < 0 ? ['', ''] : [value.slice(0, at), value.slice(at + 1)];
}

const SAMPLES = {
  python: (base) => `from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key="studio_...", max_retries=0)
made = client.images.generate(model="studio", prompt="a red fox in snow")
print(made.data[0].b64_json[:40])
`,
  curl: (base) => `curl ${base}/v1/images/generations \\
  -H "Authorization: Bearer $STUDIO_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"prompt": "a red fox in snow", "response_format": "url"}'
`,
  openwebui: (base) => `OPENAI_API_BASE_URL=${base}/v1
OPENAI_API_KEY=studio_...
ENABLE_IMAGE_GENERATION=true
IMAGE_GENERATION_ENGINE=openai
IMAGE_GENERATION_MODEL=studio
IMAGES_OPENAI_API_BASE_URL=${base}/v1
IMAGES_OPENAI_API_KEY=studio_...
ENABLE_IMAGE_EDIT=true
IMAGE_EDIT_ENGINE=openai
IMAGE_EDIT_MODEL=studio
IMAGES_EDIT_OPENAI_API_BASE_URL=${base}/v1
IMAGES_EDIT_OPENAI_API_KEY=studio_...
`,
  mcp: (base) =>
    servers({ type: 'http', url: `${base}/mcp`, headers: { Authorization: 'Bearer studio_...' } }),
  // For programs that start servers themselves; some of them lose the space in an argument.
  bridge: (base) =>
    servers({
      command: 'npx',
      args: ['-y', 'mcp-remote', `${base}/mcp`, ...plain(base), '--header', 'Authorization:${STUDIO_KEY}'],
      env: { STUDIO_KEY: 'Bearer studio_...' },
    }),
};

const servers = (studio) => `${JSON.stringify({ mcpServers: { studio } }, null, 2)}\n`;

/** What mcp-remote wants to hear before it goes to another machine without https. */
function plain(base) {
  const { hostname, protocol } = new URL(base);
  return protocol === 'https:' || ['localhost', '127.0.0.1'].includes(hostname) ? [] : ['--allow-http'];
}

/** How programs and agents are told where Studio is. */
class ProgramCode extends Element {
  static properties = { shown: { state: true } };

  constructor() {
    super();
    this.shown = 'python';
  }

  render() {
    const base = location.origin;
    return html`
      <section class="card">
        <h3>${t('programs.reach')}</h3>
        <p class="hint">${t('programs.reachHelp')} <a class="link" href="#/settings/keys">${t('settings.sections.keys')}</a></p>
        ${copied(t('programs.address'), `${base}/v1`)} ${copied(t('programs.agents'), `${base}/mcp`)}
        <div class="segments" role="group" aria-label=${t('programs.samples')}>
          ${Object.keys(SAMPLES).map(
            (name) => html`<button
              type="button"
              aria-pressed=${this.shown === name ? 'true' : 'false'}
              @click=${() => (this.shown = name)}
            >
              ${t(`programs.sample.${name}`)}
            </button>`,
          )}
        </div>
        <pre class="code" tabindex="0" aria-label=${t('programs.samples')}>${SAMPLES[this.shown](base)}</pre>
        <div class="inline-buttons">
          <button @click=${() => copy(SAMPLES[this.shown](base))}>${icon('copy')}${t('shell.copy')}</button>
        </div>
      </section>
    `;
  }
}

const copy = (text) => notices.attempt(() => copyText(text).then(() => notices.say(t('shell.copied'))));

function copied(label, value) {
  return html`
    <label class="field">
      <span>${label}</span>
      <span class="with-button">
        <input readonly .value=${value} @focus=${({ target }) => target.select()} />
        <button type="button" aria-label=${`${t('shell.copy')}: ${label}`} @click=${() => copy(value)}>${icon('copy')}</button>
      </span>
    </label>
  `;
}

customElements.define('settings-program-code', ProgramCode);
