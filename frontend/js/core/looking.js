/** Look now, and every `ms` again, for as long as the element is in the page and somebody sees it. */
export function keepLooking(element, ms, look) {
  let timer = null;
  element.addController({
    hostConnected() {
      timer = setInterval(() => document.visibilityState === 'visible' && look(), ms);
      look();
    },
    hostDisconnected: () => clearInterval(timer),
  });
}
