//! Owns the place in a page: path and query as a signal, links without reload.
//! Takes: clicks on links of the same origin. Emits: `place`. On failure: a link with a target or a modifier is the browser's.
import { signal } from "@preact/signals";

export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });
export const place = signal<Place>(read());

export function go(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  place.value = read();
  if (!replace) scrollTo(0, 0);
}

/** Only paths that `ours` accepts stay inside the page. */
export function followLinks(ours: (path: string) => boolean): void {
  addEventListener("popstate", () => {
    place.value = read();
  });
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target !== "" || link.origin !== location.origin || !ours(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
