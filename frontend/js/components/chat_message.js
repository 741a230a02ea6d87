import { Element, html, nothing } from '../core/element.js';
import { copyText } from '../core/clipboard.js';
import { explain, has, t } from '../core/messages.js';
import { chats } from '../models/chats.js';
import { contentUrl, hasEnded, kindOf, thumbnailUrl } from '../models/job.js';
import { jobs } from '../models/jobs.js';
import { notices } from '../models/notices.js';
import { viewer } from '../models/viewer.js';
import { icon } from './icons.js';
import './markdown.js';

const attempt = (run) => notices.attempt(run);

/** One message: what was said, what the model's tools made, and what can be done about it. */
class ChatMessage extends Element {
  static properties = {
    message: { attribute: false },
    /** It is shown below another reply, which it goes on from. */
    follows: { type: Boolean },
    isLast: { type: Boolean },
    isEditing: { state: true },
  };

  constructor() {
    super();
    this.watch(jobs);
  }

  render() {
    const { message } = this;
    const isMine = message.role === 'user';
    return html`
      <article class="said ${isMine ? 'is-mine' : 'is-reply'} ${this.follows ? 'follows' : ''}">
        ${this.follows
          ? nothing
          : html`<h2 class="said-by">${isMine ? t('chat.you') : message.model || t('chat.model')}</h2>`}
        ${message.dropped
          ? html`<p class="hint">${t('chat.dropped', { count: message.dropped })}</p>`
          : nothing}
        ${message.thoughts
          ? html`<details class="thoughts">
              <summary>${t('chat.thoughts')}</summary>
              <p class="as-written">${message.thoughts}</p>
            </details>`
          : nothing}
        ${message.files.length
          ? html`<div class="said-files">
              ${message.files.map((id) => picture(id))}
            </div>`
          : nothing}
        ${this.isEditing
          ? this.#editor()
          : isMine
            ? html`<p class="as-written">${message.text}</p>`
            : html`<div class="markdown"><markdown-text .text=${message.text}></markdown-text></div>`}
        ${message.calls.map((call) => this.#call(call))} ${this.#state()}
        ${this.isEditing || message.status === 'writing' ? nothing : this.#acts(isMine)}
      </article>
    `;
  }

  #editor() {
    const save = (event) => {
      event.preventDefault();
      const text = new FormData(event.target).get('text').trim();
      const { parent, files } = this.message;
      attempt(async () => {
        await chats.send({ text, parent, files });
        this.isEditing = false;
      });
    };
    const onKey = (event) => {
      if (event.isComposing) return;
      if (event.key === 'Escape') this.#leave();
      else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
    };
    return html`
      <form class="said-editor" @submit=${save} @keydown=${onKey}>
        <textarea name="text" rows="4" maxlength="100000" required aria-label=${t('chat.edit')}>${this.message.text}</textarea>
        <div class="dialog-actions">
          <button type="button" @click=${() => this.#leave()}>${t('shell.cancel')}</button>
          <button class="primary">${t('chat.send')}</button>
        </div>
      </form>
    `;
  }

  #state() {
    const { message } = this;
    const { status, error, usage } = message;
    if (status === 'writing') {
      return message.calls.length ? nothing : html`<p class="writing" aria-hidden="true"><i></i><i></i><i></i></p>`;
    }
    const said = {
      failed: () => (error && has(`errors.${error.code}`) ? explain(error) : (error?.message ?? t('chat.failed'))),
      interrupted: () => t('chat.interrupted'),
      stopped: () => t('chat.stopped'),
      done: () => (usage?.finish === 'length' ? t('chat.cutOff') : ''),
    }[status]?.();
    if (!said) return nothing;
    return html`
      <div class="said-state ${status === 'failed' ? 'is-bad' : ''}">
        <span>${said}</span>
        ${this.isLast
          ? html`<button @click=${() => attempt(() => chats.goOn(message))}>${icon('play')}${t('chat.goOn')}</button>`
          : nothing}
      </div>
    `;
  }

  // -- tools -------------------------------------------------------------------------------------

  #call(call) {
    if (call.name === 'list_presets') return html`<p class="call-note">${icon('presets')}${t('chat.looked')}</p>`;
    const name = call.title || call.name;
    if (call.state === 'asking') return this.#question(call, name);
    const job = this.#job(call);
    if (job && !hasEnded(job)) return html`<div class="call"><job-tile .job=${job}></job-tile></div>`;
    if (call.state === 'done') {
      const outputs = (job?.outputs ?? []).filter(({ id }) => call.assets.includes(id));
      return html`
        <p class="call-note">${icon('create')}${t('chat.made', { name })}</p>
        <div class="said-files">${outputs.map((output) => result(job, output, outputs, name))}</div>
      `;
    }
    if (call.state === 'failed') {
      const why = call.error ? explain(call.error) : call.result;
      return html`<p class="call-note is-bad">${icon('warning')}<span>${name}: ${why}</span></p>`;
    }
    const words = ['declined', 'stopped'].includes(call.state) ? `chat.call.${call.state}` : 'chat.call.running';
    return html`<p class="call-note">${icon('presets')}${t(words, { name })}</p>`;
  }

  #question(call, name) {
    const minutes = Math.max(1, Math.round((call.expected_ms ?? 0) / 60_000));
    const decide = (run) => attempt(() => chats.decide(this.message, call.number, run));
    return html`
      <div class="call-question" role="group" aria-label=${t('chat.mayRun', { name })}>
        <p>
          <strong>${t('chat.mayRun', { name })}</strong>
          ${call.expected_ms ? t('chat.takes', { count: minutes }) : t('chat.takesUnknown')}
        </p>
        ${valuesOf(call)}
        <div class="dialog-actions">
          <button @click=${() => decide(false)}>${t('chat.decline')}</button>
          <button class="primary" @click=${() => decide(true)}>${t('chat.agree')}</button>
        </div>
      </div>
    `;
  }

  #job({ job_id: id, state }) {
    if (!id) return null;
    const job = jobs.byId.get(id);
    const isStale = job && !hasEnded(job) && state !== 'running';
    if ((!job || isStale) && this.asked !== `${id} ${state}`) {
      this.asked = `${id} ${state}`;
      jobs.refresh(id).catch(() => {});
    }
    return job;
  }

  // -- what can be done --------------------------------------------------------------------------

  #acts(isMine) {
    const { message } = this;
    const siblings = this.follows ? [] : chats.siblings(message);
    const at = siblings.findIndex(({ id }) => id === message.id);
    const go = (by) => attempt(() => chats.show(siblings[at + by]));
    const copy = () => copyText(message.text).then(() => notices.say(t('chat.copied')));
    return html`
      <div class="said-acts">
        ${siblings.length > 1
          ? html`<span class="branches" role="group" aria-label=${t('chat.branches')}>
              <button class="bare" ?disabled=${at === 0} aria-label=${t('chat.before')} @click=${() => go(-1)}>
                ${icon('left')}
              </button>
              <span>${at + 1} / ${siblings.length}</span>
              <button class="bare" ?disabled=${at === siblings.length - 1} aria-label=${t('chat.after')} @click=${() => go(1)}>
                ${icon('right')}
              </button>
            </span>`
          : nothing}
        ${message.text ? act('copy', t('chat.copy'), () => attempt(copy)) : nothing}
        ${isMine ? act('use', t('chat.edit'), () => this.#edit()) : nothing}
        ${!isMine && this.isLast ? act('again', t('chat.again'), () => attempt(() => chats.regenerate(message))) : nothing}
      </div>
    `;
  }

  async #edit() {
    this.isEditing = true;
    await this.updateComplete;
    this.querySelector('.said-editor textarea').focus();
  }

  /** Leave the words as they are; the keyboard is where it was before. */
  async #leave() {
    this.isEditing = false;
    await this.updateComplete;
    this.querySelector(`[aria-label="${CSS.escape(t('chat.edit'))}"]`)?.focus();
  }
}

customElements.define('chat-message', ChatMessage);

/** What a tool is asked for, as people read it; as it was written when it cannot be read. */
function valuesOf({ arguments: written }) {
  let given = null;
  try {
    given = JSON.parse(written);
  } catch {
    // Models write what they like.
  }
  const all = Object.entries({ ...given?.values, ...given?.answers });
  if (!given || typeof given !== 'object') return html`<p class="call-values">${written}</p>`;
  if (!all.length) return nothing;
  return html`
    <dl class="call-values">
      ${all.map(
        ([name, value]) => html`<div><dt>${name}</dt><dd>${typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd></div>`,
      )}
    </dl>
  `;
}

const act = (symbol, label, run) =>
  html`<button class="bare" title=${label} aria-label=${label} @click=${run}>${icon(symbol)}</button>`;

const picture = (id) => html`
  <a href=${contentUrl({ id })} target="_blank" rel="noopener" aria-label=${t('chat.picture')}>
    <img src=${thumbnailUrl({ id })} alt=${t('chat.picture')} loading="lazy" />
  </a>
`;

function result(job, output, outputs, name) {
  const open = () => viewer.open(outputs.map((each) => ({ job, output: each })), output.id);
  const kind = kindOf(output);
  if (kind === 'audio') return html`<audio src=${contentUrl(output)} controls aria-label=${name}></audio>`;
  if (kind === 'file') return html`<a class="button" href=${contentUrl(output)} download>${icon('download')}${name}</a>`;
  return html`
    <button class="said-result" aria-label=${t('job.open', { title: name })} @click=${open}>
      ${kind === 'image'
        ? html`<img src="${thumbnailUrl(output)}?size=large" alt=${name} loading="lazy" />`
        : html`<video src=${contentUrl(output)} muted playsinline preload="metadata"></video>`}
    </button>
  `;
}
