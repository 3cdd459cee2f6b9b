//! Owns the shop's offline start: page and files from the cache without a network. Nothing under /v1/ is ever kept:
//! profile, offers and consent answers stay on the server.
//! Takes: the list that the build puts in. Emits: cached answers. On failure: the browser's own error, as without it.
import { type Precached, serveCacheFirst, serveNetworkFirst, takeOver } from "../shared/worker.ts";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build. */
declare const __PRECACHE__: Precached;
const CACHE = `shop-${__PRECACHE__.version}`;
/** One page answers for all addresses of the shop; these belong to others. */
const NOT_OURS = ["/v1/", "/console", "/demo", "/_styleguide"];

takeOver(self, CACHE, __PRECACHE__, "shop-");
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (NOT_OURS.some((path) => url.pathname.startsWith(path))) return;
  if (event.request.mode === "navigate") event.respondWith(serveNetworkFirst(event.request, CACHE, "/"));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(serveCacheFirst(event.request, CACHE));
});
