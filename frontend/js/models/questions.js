/*
 * Questions in texts, read as Studio reads them: `[[question]]`, `[[question:a|b=a]]`,
 * `[[name=question]]`; a back-slash before the brackets, or before a mark inside, takes its meaning.
 */
const OPENING = /(\\*)\[\[/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const MARKS = ':|=';
const ESCAPABLE = ':|=[]\\';

/** The questions in these texts, in order, each once: {name, text, options, default}. */
export function questionsIn(texts) {
  const found = new Map();
  for (const asked of texts.flatMap(read)) {
    const known = found.get(asked.name);
    if (!known || (!defines(known) && defines(asked))) found.set(asked.name, asked);
  }
  return [...found.values()].map((asked) => ({ ...asked, text: asked.text || asked.name }));
}

const defines = ({ options, default: value, text, name }) =>
  options.length > 0 || value !== null || (text !== '' && text !== name);

function read(text) {
  const found = [];
  OPENING.lastIndex = 0;
  let opening;
  while ((opening = OPENING.exec(text))) {
    if (opening[1].length % 2) continue;
    const [pieces, end] = cut(text, OPENING.lastIndex);
    // What has no end Studio refuses, and says where.
    if (!pieces) break;
    found.push(meaning(pieces));
    OPENING.lastIndex = end;
  }
  return found;
}

/** A question's text cut at its marks: pairs of the mark before a piece, and the piece. */
function cut(text, start) {
  const pieces = [['', '']];
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith(']]', at)) return [pieces, at + 2];
    if (text.startsWith('[[', at)) break;
    if (text[at] === '\\' && ESCAPABLE.includes(text[at + 1] ?? ' ')) {
      at += 1;
      pieces.at(-1)[1] += text[at];
    } else if (MARKS.includes(text[at])) pieces.push([text[at], '']);
    else pieces.at(-1)[1] += text[at];
  }
  return [null, start];
}

function meaning(pieces) {
  const isNamed = pieces[1]?.[0] === '=' && NAME.test(pieces[0][1]);
  const name = isNamed ? pieces.shift()[1] : '';
  let text = pieces[0][1];
  const options = [];
  let standard = null;
  for (const [mark, piece] of pieces.slice(1)) {
    if (standard !== null) standard += mark + piece;
    else if (mark === '=') standard = piece;
    else if (options.length && mark === ':') options[options.length - 1] += `:${piece}`;
    else if (options.length || mark === ':') options.push(piece);
    else text += mark + piece;
  }
  text = text.trim();
  return { name: name || text, text, options, default: standard };
}
