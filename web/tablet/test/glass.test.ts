//! Holds the three clocks of what is on the glass: line, granted time, and idleness.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { glass, HIDE_MS, IDLE_MS } from "../glass.ts";

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function watched() {
  const happened: string[] = [];
  const kept = glass({ hide: () => happened.push("hide"), lock: () => happened.push("lock"), now: () => Date.now() });
  return { kept, happened };
}

test("tries to come back do not put off that what was shared goes", () => {
  const { kept, happened } = watched();
  kept.line("offline");
  for (let waited = 0; waited < HIDE_MS; waited += 5_000) {
    expect(happened).toEqual([]);
    vi.advanceTimersByTime(5_000);
    kept.line("connecting");
    kept.line("offline");
  }
  expect(happened).toEqual(["hide"]);
});

test("a line that comes back in time hides nothing, and the next cut counts from its own beginning", () => {
  const { kept, happened } = watched();
  kept.line("offline");
  vi.advanceTimersByTime(HIDE_MS - 1);
  kept.line("live");
  kept.line("refused");
  vi.advanceTimersByTime(HIDE_MS - 1);
  expect(happened).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(happened).toEqual(["hide"]);
});

test("granted time ends on the glass by itself, once", () => {
  const { kept, happened } = watched();
  kept.until(20_000);
  kept.until(10_000);
  vi.advanceTimersByTime(9_999);
  expect(happened).toEqual([]);
  vi.advanceTimersByTime(20_000);
  expect(happened).toEqual(["hide"]);
  kept.until(40_000);
  kept.until(undefined);
  vi.advanceTimersByTime(20_000);
  expect(happened).toEqual(["hide"]);
});

test("a tablet that nobody touches for a minute locks, with or without a line", () => {
  const { kept, happened } = watched();
  vi.advanceTimersByTime(IDLE_MS - 1);
  kept.touched();
  vi.advanceTimersByTime(IDLE_MS - 1);
  expect(happened).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(happened).toEqual(["lock"]);
});
