import { html } from '../../core/element.js';

const HEADING = /^#+\s+(.*)$/;
const ITEM = /^\s*[-*]\s+(.*)$/;
const MARKED = /(`[^`]+`|\*\*[^*]+\*\*)/;

/** What is new, from the Markdown of a changelog: headings, lists and paragraphs, and no more. */
export function changes(text) {
  return blocks(text).map(({ kind, lines }) => {
    if (kind === 'heading') return html`<h4>${marked(lines[0])}</h4>`;
    if (kind === 'list') return html`<ul>${lines.map((line) => html`<li>${marked(line)}</li>`)}</ul>`;
    return html`<p>${marked(lines.join(' '))}</p>`;
  });
}

/** Lines that belong together; one that begins nothing goes on with what was there before. */
function blocks(text) {
  const found = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    const [heading, item] = [HEADING.exec(line), ITEM.exec(line)];
    const last = found.at(-1);
    if (heading) found.push({ kind: 'heading', lines: [heading[1]] });
    else if (item && last?.kind === 'list') last.lines.push(item[1]);
    else if (item) found.push({ kind: 'list', lines: [item[1]] });
    else if (line.trim() && isOpen && last.kind === 'list') last.lines.push(`${last.lines.pop()} ${line.trim()}`);
    else if (line.trim() && isOpen && last.kind === 'text') last.lines.push(line.trim());
    else if (line.trim()) found.push({ kind: 'text', lines: [line.trim()] });
    isOpen = Boolean(line.trim());
  }
  return found;
}

const marked = (text) =>
  text.split(MARKED).map((part) => {
    if (part.startsWith('`')) return html`<code>${part.slice(1, -1)}</code>`;
    return part.startsWith('**') ? html`<strong>${part.slice(2, -2)}</strong>` : part;
  });
