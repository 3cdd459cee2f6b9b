//! Owns the waiting time before a further attempt. Pure: the random draw is an argument.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
const DOUBLINGS_MAX = 10;

/** Full jitter between half and all of `first · 2^attempt`, at most 30 s. `draw` in [0, 1). */
export function backoffMs(attempt: number, draw: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, DOUBLINGS_MAX));
  return Math.round(ceiling / 2 + (ceiling / 2) * draw);
}
