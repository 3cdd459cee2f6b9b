//! Owns a screen's offline start: the page and its files from the cache when the node is away.
//! Takes: the list that the build puts in, the page's own list of what its plan needs. Emits: cached answers. On failure: the browser's own error, as without it.
import { type Precached, keepFiles, serveCacheFirst, serveNetworkFirst, takeOver } from "../shared/worker.ts";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build. */
declare const __PRECACHE__: Precached;
const CACHE = `player-${__PRECACHE__.version}`;

takeOver(self, CACHE, __PRECACHE__, "player-");
// The page that installs us came before us, and so did its pictures: it names them.
self.addEventListener("message", (event) => {
  if (Array.isArray(event.data)) event.waitUntil(keepFiles(CACHE, event.data as string[]).then(() => dropContent(event.data as string[])));
});

/** Blobs come and go with offers; those that the plan does not name any more would fill the disk. */
async function dropContent(needed: readonly string[]): Promise<void> {
  const store = await caches.open(CACHE);
  const gone = (await store.keys()).filter(({ url }) => {
    const { pathname } = new URL(url);
    return pathname.startsWith("/content/") && !needed.includes(pathname);
  });
  await Promise.all(gone.map((request) => store.delete(request)));
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate") event.respondWith(serveNetworkFirst(event.request, CACHE, url.pathname));
  else if (url.pathname.startsWith("/assets/") || url.pathname.startsWith("/content/")) event.respondWith(serveCacheFirst(event.request, CACHE));
});
