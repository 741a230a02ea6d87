/*
 * The page's service worker: Studio's own static files are kept for when Studio cannot be reached,
 * so that the page opens and says so. It never sees to anything else: no answer of the API, no
 * picture. Studio writes `studio` = {version, files} before this, so that a changed file of the page
 * is a changed service worker.
 */
const { version, files } = self.studio;
const CACHE = `studio-${version}`;
const PAGE = '/';

self.addEventListener('install', (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

async function keep() {
  const cache = await caches.open(CACHE);
  const page = await fetch(PAGE, { headers: { accept: 'text/html' }, cache: 'no-cache' });
  if (!page.ok) throw new Error(page.statusText);
  await cache.put(PAGE, page);
  await cache.addAll(files.map((name) => new Request(`/static/${name}`, { cache: 'no-cache' })));
}

self.addEventListener('activate', (event) => {
  event.waitUntil(clearOthers().then(() => self.clients.claim()));
});

async function clearOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith('studio-') && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  const isPage = request.mode === 'navigate' && pathname === PAGE;
  if (isPage || pathname.startsWith('/static/')) event.respondWith(fresh(request, isPage ? PAGE : pathname));
});

/** What Studio has now; what it had, only when it does not answer. */
async function fresh(request, name) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(CACHE)).match(name, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show('#/create'));
});

/** Bring the page to the front, or open it. */
async function show(place) {
  const [page] = await self.clients.matchAll({ type: 'window' });
  if (!page) return self.clients.openWindow(`/${place}`);
  await page.focus();
  page.postMessage({ open: place });
}
