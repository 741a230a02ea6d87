import { Element, html, nothing } from '../core/element.js';
import { Lexer } from '../../vendor/marked/marked.esm.js';
import { copyText } from '../core/clipboard.js';
import { t } from '../core/messages.js';
import { notices } from '../models/notices.js';
import { icon } from './icons.js';

/* Nobody nests deeper on purpose. */
const DEEPEST = 24;
const SAFE = /^(https?:|mailto:)/i;
const OPTIONS = { gfm: true, breaks: true };

/** Markdown as elements: of what somebody wrote only text and safe links ever reach the page. */
class MarkdownText extends Element {
  static properties = { text: {} };

  render() {
    let tokens;
    try {
      tokens = Lexer.lex(this.text ?? '', OPTIONS);
    } catch {
      // Nested so deeply that no parser follows: it can be read as it was written.
      return html`<p class="as-written">${this.text}</p>`;
    }
    return tokens.map((token) => block(token, 0));
  }
}

customElements.define('markdown-text', MarkdownText);

function block(token, depth) {
  if (depth > DEEPEST) return html`<p class="as-written">${token.raw}</p>`;
  const inside = () => (token.tokens ?? []).map((each) => block(each, depth + 1));
  switch (token.type) {
    case 'space':
    case 'def':
      return nothing;
    case 'heading':
      return html`<h3 class="md-${token.depth}">${spans(token, depth)}</h3>`;
    case 'paragraph':
      return html`<p>${spans(token, depth)}</p>`;
    case 'text':
      return token.tokens ? spans(token, depth) : html`${token.text}`;
    case 'code':
      return codeBlock(token);
    case 'blockquote':
      return html`<blockquote>${inside()}</blockquote>`;
    case 'list':
      return list(token, depth);
    case 'hr':
      return html`<hr />`;
    case 'table':
      return table(token, depth);
    default:
      // HTML, and whatever else there will be: as it was written.
      return html`<p class="as-written">${token.raw}</p>`;
  }
}

function codeBlock({ text, lang }) {
  const copy = () => notices.attempt(() => copyText(text).then(() => notices.say(t('chat.copied'))));
  return html`
    <div class="code-block">
      <div class="code-head">
        <span>${(lang ?? '').split(/\s/)[0]}</span>
        <button type="button" class="bare" @click=${copy}>${icon('copy')}<span>${t('chat.copy')}</span></button>
      </div>
      <pre tabindex="0"><code>${text}</code></pre>
    </div>
  `;
}

function list(token, depth) {
  const items = token.items.map(
    (item) => html`<li>
      ${item.task
        ? html`<input type="checkbox" disabled .checked=${item.checked} aria-label=${item.text.slice(0, 80)} />`
        : nothing}
      ${item.tokens.filter(({ type }) => type !== 'checkbox').map((each) => block(each, depth + 1))}
    </li>`,
  );
  return token.ordered
    ? html`<ol start=${Number(token.start) || 1}>
        ${items}
      </ol>`
    : html`<ul class="md-list">
        ${items}
      </ul>`;
}

function table(token, depth) {
  return html`
    <div class="md-table" tabindex="0" role="group" aria-label=${t('chat.table')}>
      <table>
        <thead>
          <tr>
            ${token.header.map((cell) => html`<th>${spans(cell, depth)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${token.rows.map((row) => html`<tr>${row.map((cell) => html`<td>${spans(cell, depth)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

const spans = (token, depth) => (token.tokens ?? []).map((each) => span(each, depth + 1));

function span(token, depth) {
  if (depth > DEEPEST) return token.raw;
  switch (token.type) {
    case 'text':
      return token.tokens ? spans(token, depth) : token.text;
    case 'escape':
      return token.text;
    case 'strong':
      return html`<strong>${spans(token, depth)}</strong>`;
    case 'em':
      return html`<em>${spans(token, depth)}</em>`;
    case 'del':
      return html`<del>${spans(token, depth)}</del>`;
    case 'codespan':
      return html`<code>${token.text}</code>`;
    case 'br':
      return html`<br />`;
    case 'link':
      return link(token.href, spans(token, depth));
    case 'image':
      // Fetched from elsewhere it would tell others that this was read.
      return link(token.href, token.text || token.href);
    default:
      return token.raw;
  }
}

const link = (address, content) =>
  SAFE.test(address)
    ? html`<a href=${address} target="_blank" rel="noopener noreferrer">${content}</a>`
    : html`${content}`;
