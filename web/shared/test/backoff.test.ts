//! Holds the waiting times: growing, jittered, bounded.
import { describe, expect, it } from "vitest";
import { backoffMs } from "../backoff.ts";

describe("backoff", () => {
  it("doubles until half a minute and never waits longer", () => {
    const longest = Array.from({ length: 40 }, (_, attempt) => backoffMs(attempt, 1));
    expect(longest.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(Math.max(...longest)).toBe(30_000);
  });
  it("spreads the attempts of many clients over half of the time", () => {
    expect(backoffMs(3, 0)).toBe(2000);
    expect(backoffMs(3, 0.5)).toBe(3000);
  });
});
