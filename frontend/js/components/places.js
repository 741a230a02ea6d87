import { router } from '../core/router.js';

/*
 * Where somebody is in a view: one that a link opens begins at its top, and the browser's Back leads
 * to where one was, the keyboard to the link that led away. Each entry of the history has a number of
 * its own, and each number a place.
 */

const PATIENCE_MS = 3000;
const MEANT = ['wheel', 'touchstart', 'pointerdown', 'keydown'];

const places = new Map();
const links = new Map();
let opened = Date.now();
let view = router.view;
let here = numbered();
let waiting = null;

/** The number of the present entry; a new one has none yet. */
function numbered() {
  const known = history.state?.place;
  if (known) return known;
  opened += 1;
  history.replaceState({ ...history.state, place: opened }, '');
  return opened;
}

function arrived() {
  const isBack = Boolean(history.state?.place);
  waiting?.abort();
  links.set(here, document.activeElement?.closest('#content a[href]')?.getAttribute('href'));
  here = numbered();
  if (isBack) restore(places.get(here) ?? 0, links.get(here));
  else scrollTo(0, 0);
  if (router.view !== view) requestAnimationFrame(takeFocus);
  view = router.view;
}

/** Content comes by and by: what is not long enough yet is looked at again, until somebody moves. */
function restore(top, href) {
  waiting = new AbortController();
  const { signal } = waiting;
  const until = performance.now() + PATIENCE_MS;
  for (const event of MEANT) addEventListener(event, () => waiting.abort(), { signal, passive: true });
  const look = () => {
    if (signal.aborted) return;
    scrollTo(0, top);
    const isThere = Math.abs(scrollY - top) <= 1 && (!href || reach(href));
    if (!isThere && performance.now() < until) requestAnimationFrame(look);
    else waiting.abort();
  };
  requestAnimationFrame(look);
}

/** Give the link the focus; whether it was there. Whoever does anything meanwhile ends the waiting. */
function reach(href) {
  const link = [...document.querySelectorAll('#content a[href]')].find((each) => each.getAttribute('href') === href);
  link?.focus({ preventScroll: true });
  return Boolean(link);
}

/** Whoever came by a key goes on in the view, not before it; who followed a link stays on the link. */
function takeFocus() {
  if (document.activeElement !== document.body) return;
  document.getElementById('content')?.focus({ preventScroll: true });
}

router.addEventListener('change', arrived);
addEventListener('scroll', () => waiting?.signal.aborted === false || places.set(here, scrollY), { passive: true });
