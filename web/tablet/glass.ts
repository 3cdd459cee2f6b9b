//! Owns how long something shared may stay on the glass without a word of the node: three clocks of this page, which need no line.
//! Takes: the state of the line, the end of what was granted, touches. Emits: `hide` when something has to go, `lock` when nobody is here.
//! On failure: there is none; what is uncertain is hidden.
import type { LineState } from "../shared/sse.ts";

/** Without the node for this long nothing shared may stay on the glass. */
export const HIDE_MS = 30_000;
/** As at the node: a tablet that nobody touches for this long is locked. */
export const IDLE_MS = 60_000;

export interface Glass {
  line(state: LineState): void;
  /** End of what is shown, on this page's clock; none where nothing is shown. */
  until(at: number | undefined): void;
  touched(): void;
}
export interface GlassHandlers {
  hide(): void;
  lock(): void;
  now(): number;
}

export function glass({ hide, lock, now }: GlassHandlers): Glass {
  let cut: ReturnType<typeof setTimeout> | undefined;
  let end: ReturnType<typeof setTimeout> | undefined;
  let idle = setTimeout(lock, IDLE_MS);
  return {
    line(state) {
      if (state === "live") {
        clearTimeout(cut);
        cut = undefined;
        // Each try to come back ends in another "offline": the first one counts.
      } else if (state === "offline" || state === "refused") cut ??= setTimeout(hide, HIDE_MS);
    },
    until(at) {
      clearTimeout(end);
      end = at === undefined ? undefined : setTimeout(hide, Math.max(0, at - now()));
    },
    touched() {
      clearTimeout(idle);
      idle = setTimeout(lock, IDLE_MS);
    },
  };
}
