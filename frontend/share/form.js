import { Element, html, nothing } from '../js/core/element.js';
import { loadMessages, t } from '../js/core/messages.js';
import { loadStyles } from '../js/core/styles.js';
import { icon } from '../js/components/icons.js';
import { control, isFile } from './fields.js';
import { link } from './link.js';
import { large } from './pictures.js';
import { explain } from './words.js';
import '../js/components/focus.js';

const EVERY_MS = 1000;
/** While Studio does not answer as it should, or nobody looks. */
const SELDOM_MS = 5000;
/** After these nothing more will come; all else passes: a restart, too many questions, no network. */
const FINAL = ['share_gone', 'share_locked'];

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A form to fill in and run, and what came of this visitor's runs. */
class SharedForm extends Element {
  static properties = {
    facts: { attribute: false },
    runs: { state: true },
    problem: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.values = {};
    this.answers = {};
    this.runs = [];
  }

  connectedCallback() {
    super.connectedCallback();
    const { fields, questions } = this.facts.form;
    this.values = Object.fromEntries(fields.map(({ id, default: value }) => [id, value ?? undefined]));
    this.answers = Object.fromEntries(questions.map(({ name, default: value }) => [name, value ?? '']));
    this.#follow();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** Look at the runs for as long as one has not ended. */
  async #follow() {
    clearTimeout(this.timer);
    let wait = document.hidden ? SELDOM_MS : EVERY_MS;
    try {
      this.runs = (await link.runs()).items;
      if (this.runs.every((run) => run.completed_at)) return;
    } catch (error) {
      if (FINAL.includes(error.code)) {
        this.problem = error;
        return;
      }
      wait = Math.max(SELDOM_MS, (error.retryAfter || 0) * 1000);
    }
    clearTimeout(this.timer);
    if (this.isConnected) this.timer = setTimeout(() => this.#follow(), wait);
  }

  get #isSending() {
    return this.facts.form.fields.some(
      (field) => isFile(field) && (this.values[field.id] ?? []).some(({ id, problem }) => !id && !problem),
    );
  }

  render() {
    const { fields, questions } = this.facts.form;
    return html`
      <form class="card shared-form" @submit=${this.#submit}>
        ${questions.map((question) => this.#question(question))}
        ${fields.map((field) =>
          control(
            field,
            this.values[field.id],
            (value) => this.#set(field, value),
            (files) => this.#send(field, files),
            () => this.#paint(field),
          ),
        )}
        <div class="problem" role="alert">${this.problem ? html`<p class="error-text">${explain(this.problem)}</p>` : nothing}</div>
        <button class="primary wide shared-run" ?disabled=${this.busy || this.#isSending}>
          ${icon('create')}${t(this.busy ? 'shared.starting' : 'shared.run')}
        </button>
      </form>
      <section class="shared-runs" aria-label=${t('shared.results')}>
        ${this.runs.map((run) => this.#run(run))}
      </section>
    `;
  }

  #question({ name, text, options }) {
    const set = ({ target }) => (this.answers = { ...this.answers, [name]: target.value });
    const value = this.answers[name];
    return html`<label class="field">
      <span>${text}</span>
      ${options.length
        ? html`<select required @change=${set}>
            ${value ? nothing : html`<option value="">–</option>`}
            ${options.map((option) => html`<option value=${option} ?selected=${option === value}>${option}</option>`)}
          </select>`
        : html`<textarea rows="2" required maxlength="2000" .value=${value} @input=${set}></textarea>`}
    </label>`;
  }

  #set(field, value) {
    this.values = { ...this.values, [field.id]: value };
    this.requestUpdate();
  }

  async #send(field, chosen) {
    const added = chosen.map((file) => ({
      file,
      name: file.name,
      url: file.type.startsWith('image/') ? URL.createObjectURL(file) : '',
    }));
    this.#set(field, field.multiple ? [...(this.values[field.id] ?? []), ...added] : added.slice(0, 1));
    for (const one of added) {
      try {
        if (one.file.size > this.facts.max_file_bytes) throw Object.assign(new Error(), { code: 'payload_too_large' });
        one.id = (await link.send(one.file)).id;
      } catch (error) {
        one.problem = explain(error);
      }
      this.requestUpdate();
    }
  }

  /** Paint what is to be made anew over the picture that was chosen; the painter comes when it is asked for. */
  async #paint(field) {
    const source = this.facts.form.fields.find(({ type }) => type === 'image');
    const picture = source && (this.values[source.id] ?? []).find(({ url }) => url);
    this.problem = picture ? null : { message: t('shared.paintWhat') };
    if (!picture) return;
    try {
      const [{ openMask }] = await Promise.all([
        import('../js/components/mask_painter.js'),
        import('../js/components/late_icons.js'),
        ...['pieces', 'making', 'inputs'].map(loadStyles),
        loadMessages('shell', 'making'),
      ]);
      const blob = await openMask(picture);
      if (blob) await this.#send(field, [new File([blob], 'mask.png', { type: 'image/png' })]);
    } catch {
      this.problem = { code: 'offline' };
    }
  }

  #wire() {
    const values = {};
    for (const field of this.facts.form.fields) {
      const value = this.values[field.id];
      if (isFile(field)) {
        const sent = (value ?? []).filter(({ id }) => id).map(({ id }) => ({ file: id }));
        if (sent.length) values[field.id] = field.multiple ? sent : sent[0];
      } else if (value !== undefined && value !== '') {
        values[field.id] = value;
      }
    }
    const answers = Object.entries(this.answers).filter(([, answer]) => answer !== '');
    return [values, Object.fromEntries(answers)];
  }

  #submit = async (event) => {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    const wire = this.#wire();
    const text = JSON.stringify(wire);
    // The same once more, because no answer came, is the same run and no second one.
    if (this.asked?.text !== text) this.asked = { text, id: newId() };
    try {
      const run = await link.run(this.asked.id, ...wire);
      this.asked = null;
      this.runs = [run, ...this.runs.filter(({ id }) => id !== run.id)];
      await this.updateComplete;
      this.querySelector('.shared-runs')?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    } catch (error) {
      this.problem = error;
    }
    this.#follow();
    this.busy = false;
  };

  async #cancel(run) {
    try {
      await link.cancel(run.id);
    } catch (error) {
      this.problem = error;
    }
    this.#follow();
  }

  #run(run) {
    const isOver = Boolean(run.completed_at);
    return html`<article class="card shared-result" data-status=${run.status}>
      ${run.preview ? html`<img src=${link.preview(run.id, run.preview)} alt=${t('shared.preview')} />` : nothing}
      ${run.outputs.map((output) => this.#output(run, output))}
      ${isOver && run.status === 'succeeded'
        ? nothing
        : html`<div class="shared-status">
            <span role="status">${statusText(run)}</span>
            ${isOver ? nothing : html`<button @click=${() => this.#cancel(run)}>${icon('close')}${t('shared.cancel')}</button>`}
          </div>`}
      ${isOver ? nothing : html`<progress max="1" .value=${run.progress ?? 0} aria-label=${t('shared.progress')}></progress>`}
    </article>`;
  }

  #output(run, output) {
    const content = link.output(run.id, output.id);
    const isShown = /^(image|video)\//.test(output.content_type);
    return html`
      ${isShown ? large(output, { content, small: link.small(run.id, output.id) }, t('shared.result')) : nothing}
      ${output.content_type.startsWith('audio/') && output.original ? html`<audio controls src=${content}></audio>` : nothing}
      ${output.original
        ? html`<a class="button" href=${content} download=${output.name}>${t('shared.download')}</a>`
        : html`<p class="hint">${t('shared.notHanded', { name: output.name })}</p>`}
    `;
  }
}

function statusText({ status, queue_position: place, progress }) {
  if (status === 'queued') return place ? t('shared.queued', { count: place }) : t('shared.soon');
  if (status === 'running') return t('shared.running', { percent: Math.round((progress ?? 0) * 100) });
  return t(`shared.status.${status}`);
}

customElements.define('shared-form', SharedForm);
