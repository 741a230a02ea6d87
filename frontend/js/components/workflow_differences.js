import { html, nothing } from '../core/element.js';
import { t } from '../core/messages.js';
import { valueText } from '../models/nodes.js';

const shown = (value) => (value === null || value === undefined ? t('workflows.nothingThere') : valueText(value));

/** One change: a sign and a word, so that colour alone says nothing. */
const change = (kind, what, from, to) => html`
  <li class="change is-${kind}">
    <span class="unseen">${t(`workflows.change.${kind}`)}</span>
    <p>${what}</p>
    ${kind === 'changed' && (from !== undefined || to !== undefined)
      ? html`<p class="hint"><del>${shown(from)}</del> → <ins>${shown(to)}</ins></p>`
      : nothing}
  </li>
`;

const nodeText = ({ id, title, class: type }) => (title ? `${title} (${type}) #${id}` : `${type} #${id}`);

/** What changed between two versions. */
export function differenceList({ facts, inputs, nodes, values, truncated }) {
  const all = [
    ...facts.map(({ fact, from, to }) => change('changed', t('workflows.factOf', { name: fact }), from, to)),
    ...inputs.added.map(({ name }) => change('added', t('workflows.inputOf', { name }))),
    ...inputs.removed.map(({ name }) => change('removed', t('workflows.inputOf', { name }))),
    ...inputs.changed.flatMap(({ id, changes }) =>
      changes.map(({ key, from, to }) =>
        change('changed', `${t('workflows.inputOf', { name: id })} · ${key}`, from, to),
      ),
    ),
    ...nodes.added.map((node) => change('added', nodeText(node))),
    ...nodes.removed.map((node) => change('removed', nodeText(node))),
    ...nodes.changed.map((node) => change('changed', nodeText(node), node.class_before, node.class)),
    ...values.map((value) => change('changed', `${nodeText(value)} · ${value.input}`, value.from, value.to)),
  ];
  if (!all.length) return html`<p class="hint">${t('workflows.same')}</p>`;
  return html`
    <ul class="changes">
      ${all}
    </ul>
    ${truncated ? html`<p class="hint">${t('workflows.truncated')}</p>` : nothing}
  `;
}
