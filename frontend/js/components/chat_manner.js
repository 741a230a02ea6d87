import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { chats } from '../models/chats.js';
import { notices } from '../models/notices.js';
import { openDialog } from './dialog.js';
import { FormElement } from './form.js';
import { icon } from './icons.js';

const NUMBERS = [
  ['temperature', 0, 2, 0.1],
  ['top_p', 0, 1, 0.05],
  ['max_tokens', 1, 131072, 1],
  ['context', 512, 4194304, 1],
];

/**
 * How a conversation is answered, or with `preset` ({} is a new one) a way to begin some. `onDone` is
 * called once it is saved, or given up.
 */
class ChatManner extends FormElement {
  static properties = {
    manner: { attribute: false },
    preset: { attribute: false },
    onDone: { attribute: false },
    examples: { state: true },
  };

  connectedCallback() {
    super.connectedCallback();
    this.examples = [...this.manner.examples];
  }

  render() {
    const { manner, preset } = this;
    return html`
      <h2>${preset ? t(preset.id ? 'chat.changePreset' : 'chat.newPreset') : t('chat.manner')}</h2>
      <form class="chat-manner" @submit=${(event) => this.submitted(event, () => this.#save())}>
        ${preset
          ? html`
              ${field('name', t('chat.name'), html`<input name="name" required maxlength="100" .value=${preset.name ?? ''} autofocus />`)}
              ${field('description', t('chat.description'), html`<input name="description" maxlength="2000" .value=${preset.description ?? ''} />`)}
            `
          : nothing}
        ${field(
          'model',
          t('chat.model'),
          html`<select name="model">
            <option value="" ?selected=${!manner.model}>${t('chat.firstModel')}</option>
            ${this.#models().map(
              ({ id, name }) => html`<option value=${id} ?selected=${id === manner.model}>${name}</option>`,
            )}
          </select>`,
        )}
        ${field(
          'system',
          t('chat.system'),
          html`<textarea name="system" rows="5" maxlength="20000" .value=${manner.system}></textarea>`,
          t('chat.systemHelp'),
        )}
        <fieldset class="chat-examples">
          <legend>${t('chat.examples')}</legend>
          ${this.examples.map((example, at) => this.#example(example, at))}
          <button type="button" @click=${() => (this.examples = [...this.#read(), { user: '', assistant: '' }])}>
            ${icon('plus')}${t('chat.addExample')}
          </button>
        </fieldset>
        <div class="chat-numbers">
          ${NUMBERS.map(([name, min, max, step]) =>
            field(
              name,
              t(`chat.option.${name}`),
              html`<input
                type="number"
                name=${name}
                min=${min}
                max=${max}
                step=${step}
                .value=${String(manner.options[name] ?? '')}
                placeholder=${t('chat.asModel')}
              />`,
            ),
          )}
        </div>
        <label class="switch">
          <span class="row-words"><span>${t('chat.tools')}</span><small>${t('chat.toolsHelp')}</small></span>
          <input type="checkbox" role="switch" name="tools" .checked=${manner.tools} />
        </label>
        ${preset
          ? html`<label class="switch">
              <span class="row-words"><span>${t('chat.shared')}</span><small>${t('chat.sharedHelp')}</small></span>
              <input type="checkbox" role="switch" name="shared" .checked=${preset.shared ?? false} />
            </label>`
          : nothing}
        ${this.problem()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy}>${icon('check')}${t('chat.save')}</button>
        </div>
      </form>
    `;
  }

  #models() {
    const { model } = this.manner;
    const there = chats.models ?? [];
    return !model || there.some(({ id }) => id === model) ? there : [{ id: model, name: model }, ...there];
  }

  #example({ user, assistant }, at) {
    return html`
      <div class="chat-example">
        <textarea rows="2" maxlength="8000" aria-label=${t('chat.exampleUser', { number: at + 1 })} placeholder=${t('chat.you')} .value=${user}></textarea>
        <textarea rows="2" maxlength="8000" aria-label=${t('chat.exampleModel', { number: at + 1 })} placeholder=${t('chat.model')} .value=${assistant}></textarea>
        <button type="button" class="bare" aria-label=${t('chat.removeExample', { number: at + 1 })} @click=${() => (this.examples = this.#read().toSpliced(at, 1))}>
          ${icon('close')}
        </button>
      </div>
    `;
  }

  #read() {
    return [...this.querySelectorAll('.chat-example')].map((each) => {
      const [user, assistant] = each.querySelectorAll('textarea');
      return { user: user.value, assistant: assistant.value };
    });
  }

  async #save() {
    const given = new FormData(this.querySelector('form'));
    const options = {};
    for (const [name] of NUMBERS) if (given.get(name)) options[name] = Number(given.get(name));
    const fields = {
      model: given.get('model') || null,
      system: given.get('system'),
      examples: this.#read().filter(({ user, assistant }) => user.trim() && assistant.trim()),
      options,
      tools: given.get('tools') === 'on',
    };
    if (this.preset) {
      const { id = null } = this.preset;
      const said = { name: given.get('name'), description: given.get('description'), shared: given.get('shared') === 'on' };
      await chats.savePreset({ ...fields, ...said }, id);
    } else {
      await chats.update(fields);
    }
    this.onDone();
  }
}

customElements.define('chat-manner', ChatManner);

const field = (name, label, control, help = '') => html`
  <label class="field"><span>${label}</span>${control}${help ? html`<small>${help}</small>` : nothing}</label>
`;

/** The dialog about the conversation that is open, or about a preset. */
export function openManner(manner, preset = null) {
  return openDialog({
    label: t(preset ? 'chat.preset' : 'chat.manner'),
    className: 'is-wide',
    content: (close) => html`<chat-manner .manner=${manner} .preset=${preset} .onDone=${close}></chat-manner>`,
  });
}

export const EMPTY_MANNER = { model: null, system: '', examples: [], options: {}, tools: true };

/** Every preset: to begin with, and one's own to change. */
export function presetList(begin) {
  const remove = (preset) =>
    notices.attempt(async () => {
      const { name, description, shared, model, system, examples, options, tools } = preset;
      await chats.removePreset(preset.id);
      const fields = { name, description, shared, model, system, examples, options, tools };
      notices.undoable(t('chat.presetGone', { name }), () => chats.savePreset(fields));
    });
  return html`
    <header class="view-head">
      <a class="round" href="#/chat" aria-label=${t('chat.back')}>${icon('left')}</a>
      <h1>${t('chat.presets')}</h1>
      <button class="primary" @click=${() => openManner(EMPTY_MANNER, {})}>${icon('plus')}${t('chat.newPreset')}</button>
    </header>
    ${chats.presets.length
      ? html`<ul class="rows">
          ${chats.presets.map(
            (preset) => html`<li class="row">
              <div class="row-words">
                <span class="row-title">${preset.name}</span>
                <small>
                  ${[preset.description, preset.editable ? '' : preset.owner.name, preset.shared ? t('chat.isShared') : '']
                    .filter(Boolean)
                    .join(' · ')}
                </small>
              </div>
              <button @click=${() => begin({ preset_id: preset.id })}>${icon('plus')}${t('chat.begin')}</button>
              ${preset.editable
                ? html`<menu-button
                    label=${t('chat.moreOf', { name: preset.name })}
                    .items=${[
                      { label: t('chat.changePreset'), icon: 'use', run: () => openManner(preset, preset) },
                      { label: t('chat.delete'), icon: 'remove', run: () => remove(preset) },
                    ]}
                  ></menu-button>`
                : nothing}
            </li>`,
          )}
        </ul>`
      : html`<p class="hint">${t('chat.noPresets')}</p>`}
  `;
}
