//! Owns what both service workers do: fill a cache at install, drop old ones, answer from cache or network.
//! Takes: requests for pages and assets only; an answer of the API never comes here.
//! On failure: without network and cache the browser's own error.
export interface Precached {
  readonly version: string;
  readonly files: readonly string[];
}

/** A local answer that takes longer than this is treated as none: a phone in a lift must not stare at white. */
const NETWORK_MS = 3_000;

export function takeOver(worker: ServiceWorkerGlobalScope, cache: string, { files }: Precached, prefix: string): void {
  worker.addEventListener("install", (event) => {
    event.waitUntil(
      (async () => {
        await (await caches.open(cache)).addAll([...files]);
        await worker.skipWaiting();
      })(),
    );
  });
  worker.addEventListener("activate", (event) => {
    event.waitUntil(
      (async () => {
        for (const name of await caches.keys()) if (name.startsWith(prefix) && name !== cache) await caches.delete(name);
        await worker.clients.claim();
      })(),
    );
  });
}

/** Fetches what is not kept yet. What cannot be had now is asked for again with the next list. */
export async function keepFiles(cache: string, paths: readonly string[]): Promise<void> {
  const store = await caches.open(cache);
  const missing = async (path: string) => {
    if (await store.match(path)) return;
    const fresh = await fetch(path);
    if (fresh.ok) await store.put(path, fresh);
  };
  await Promise.allSettled(paths.map(missing));
}

export async function serveCacheFirst(request: Request, cache: string): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok) await (await caches.open(cache)).put(request, fresh.clone());
  return fresh;
}

/** `key`: the name under which the page is kept; one page of an app may answer for all its addresses. */
export async function serveNetworkFirst(request: Request, cache: string, key: string): Promise<Response> {
  const store = await caches.open(cache);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(NETWORK_MS) });
    if (fresh.ok) await store.put(key, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await store.match(key);
    if (kept) return kept;
    throw error;
  }
}
