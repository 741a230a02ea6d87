import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { kept } from '../core/store.js';
import { draft } from '../models/draft.js';
import { questionsIn } from '../models/questions.js';
import { openDialog } from './dialog.js';
import { icon } from './icons.js';

const KEPT = 'answers';

/** Ask what the form's texts ask. Answers {name: answer}, or null when somebody would rather not. */
export async function ask() {
  // What is varied has its answers there.
  const questions = questionsIn(textsIn(draft.texts)).filter(({ name }) => !draft.varied[`[[${name}]]`]);
  if (!questions.length) return {};
  const former = kept.get(KEPT, {});
  const submit = (close) => (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    close(Object.fromEntries(questions.map(({ name }, index) => [name, form.get(String(index))])));
  };
  const { closed } = openDialog({
    label: t('making.questions'),
    content: (close) => html`
      <form class="ask" @submit=${submit(close)}>
        <h2>${t('making.questions')}</h2>
        ${questions.map((question, index) => field(question, index, former[question.name]))}
        <div class="dialog-actions">
          <button type="button" @click=${() => close()}>${t('shell.cancel')}</button>
          <button class="primary">${icon('create')}${t('create.button')}</button>
        </div>
      </form>
    `,
  });
  const answers = await closed;
  if (!answers) return null;
  kept.set(KEPT, { ...former, ...answers });
  return answers;
}

/** Every text in values, at any depth. */
function textsIn(value) {
  if (typeof value === 'string') return [value];
  return value && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}

/** What was answered last time, if it still is an answer. */
function field({ text, options, default: standard }, index, former) {
  if (options.length) {
    const chosen = options.includes(former) ? former : (standard ?? options[0]);
    return html`
      <label class="field">
        <span>${text}</span>
        <select name=${index} ?autofocus=${index === 0}>
          ${options.map((option) => html`<option value=${option} .selected=${option === chosen}>${option}</option>`)}
        </select>
      </label>
    `;
  }
  return html`
    <label class="field">
      <span>${text}</span>
      <input
        name=${index}
        ?autofocus=${index === 0}
        ?required=${standard === null}
        .value=${former ?? standard ?? ''}
      />
    </label>
  `;
}
