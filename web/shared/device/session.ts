//! Owns how a store device signs in: the key arrives once in the fragment, is traded for a cookie and forgotten.
//! Takes: the address bar. Emits: the device's id, `paired` or why not. On failure: a wrong key is said, an unreachable node is retried.
import { ApiError, ask } from "../api.ts";
import { backoffMs } from "../backoff.ts";
import type { DeviceKind, DeviceSignIn } from "../types.ts";

/** `/player/window-1` → `window-1` */
export function deviceId(pathname: string): string {
  return decodeURIComponent(pathname.split("/").filter((part) => part !== "")[1] ?? "");
}

export type Pairing = "paired" | "refused";

/** Resolves at once when there is no key to trade: the cookie, if any, is then all there is. */
export async function pair(kind: DeviceKind, device: string): Promise<Pairing> {
  const secret = new URLSearchParams(location.hash.slice(1)).get("key");
  if (secret === null) return "paired";
  const body: DeviceSignIn = { kind, device, secret };
  for (let attempt = 0; ; attempt++) {
    try {
      await ask("/v1/device-sessions", { method: "POST", body });
      // The key leaves the address bar and the history as soon as it has done its work.
      history.replaceState(null, "", location.pathname + location.search);
      return "paired";
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return "refused";
      await new Promise((resume) => setTimeout(resume, backoffMs(attempt, Math.random())));
    }
  }
}
