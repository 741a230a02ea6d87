/*
 * Whoever works by the keyboard always has a place. A browser forgets it where what has the focus goes,
 * or cannot be used for a while; here the keyboard goes on there once it can, or with what stands next.
 */

/** A part that knows better where to go has done so by then. */
const SOON_MS = 60;
const REACHABLE = 'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]';

let held = null;
let gap = null;
let timer = null;
let isByKey = false;

addEventListener('keydown', () => (isByKey = true), true);
addEventListener('pointerdown', () => (isByKey = false), true);
addEventListener('focusin', ({ target }) => {
  held = target;
  gap = null;
});

/** @param records what changed in the page; only what concerns the present place counts */
function follow(records) {
  if (!held) return;
  for (const { type, target, removedNodes, previousSibling, nextSibling } of records) {
    const isGone = [...removedNodes].some((node) => node.contains(held) || node.contains(gap?.parent ?? held));
    if (isGone) gap = { parent: target, previousSibling, nextSibling };
    else if (type === 'childList' || target !== held) continue;
    clearTimeout(timer);
    timer = setTimeout(goOn, SOON_MS);
  }
}

function goOn() {
  if (!isByKey || document.activeElement !== document.body) return;
  if (held.isConnected) held.focus();
  else if (gap) (besides(gap) ?? document.getElementById('content'))?.focus();
}

const isReachable = (each) => each.isConnected && each.matches(REACHABLE) && each.checkVisibility();

/** What took the place, or stands after it, before it, around it; nothing outside of the view. */
function besides({ parent, previousSibling: before, nextSibling }) {
  const isThere = (node) => node?.parentNode === parent;
  let place = parent;
  let after = isThere(before) ? before.nextSibling : isThere(nextSibling) ? nextSibling : parent.firstChild;
  while (place?.closest('#content > *, dialog')) {
    for (; after; after = after.nextSibling) if (found(after)) return found(after);
    for (; before; before = before.previousSibling) if (found(before)) return found(before);
    [place, before, after] = [place.parentElement, place.previousSibling, place.nextSibling];
  }
  return null;
}

const found = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? [node, ...node.querySelectorAll(REACHABLE)].find(isReachable) : undefined;

new MutationObserver(follow).observe(document.body, {
  subtree: true,
  childList: true,
  attributeFilter: ['disabled'],
});
