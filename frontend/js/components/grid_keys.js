import { library } from '../models/library.js';
import { pictures } from '../models/pictures.js';
import { selection } from '../models/selection.js';

/* What the keyboard does in a grid: on what is chosen, else on the picture that has the focus. */

const STEPS = {
  ArrowLeft: (grid) => grid.active - 1,
  ArrowRight: (grid) => grid.active + 1,
  ArrowUp: (grid) => grid.layout.neighbour(grid.active, -1),
  ArrowDown: (grid) => grid.layout.neighbour(grid.active, 1),
  PageUp: (grid) => grid.layout.neighbour(grid.active, -rowsOnScreen(grid)),
  PageDown: (grid) => grid.layout.neighbour(grid.active, rowsOnScreen(grid)),
  Home: () => 0,
  End: () => library.total - 1,
};

function rowsOnScreen({ layout }) {
  return Math.max(1, Math.floor((innerHeight * layout.first.length) / layout.total));
}

export function onGridKey(grid, event) {
  if (!library.total || library.isWaiting) return;
  const { key } = event;
  const item = library.items[grid.active];
  const isHeld = event.ctrlKey || event.metaKey;
  const targets = selection.size ? selection.items : [item].filter(Boolean);
  const isTrash = library.shown?.trashed;
  if (key in STEPS && !event.altKey) {
    if (event.shiftKey && !selection.size) selection.anchor = grid.active;
    const next = Math.max(0, Math.min(library.total - 1, STEPS[key](grid)));
    grid.focusAt(next);
    if (event.shiftKey) selection.range(next);
  } else if (isHeld && key.toLowerCase() === 'a') selection.all();
  else if (isHeld || event.altKey) return;
  else if (key === 'Enter' && item) grid.dispatchEvent(new CustomEvent('show', { detail: grid.active }));
  else if (key === ' ') selection.toggle(grid.active);
  else if (key === 'Escape' && selection.size) selection.clear();
  else if (!targets.length || isTrash) return;
  else if (key === 'Delete' || key === 'Backspace') pictures.trash(targets);
  else if (key === 'f') pictures.favour(targets, !targets.every(({ favourite }) => favourite));
  else if (/^[0-5]$/.test(key)) pictures.rate(targets, Number(key));
  else return;
  event.preventDefault();
}
