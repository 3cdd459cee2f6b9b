//! Holds the sums of a rollout, and what staff may do in each phase.
import { describe, expect, it } from "vitest";
import type { RolloutProgress, RolloutView } from "../../shared/types.ts";
import { deeds, done, waves } from "../rollouts.ts";

const rollout = (phase: RolloutView["phase"], stores: readonly (readonly [number, RolloutProgress])[]): RolloutView => ({
  rollout: "r",
  name: "x",
  key: "screen/window-1",
  phase,
  reason: null,
  wave: 0,
  per_minute: 1,
  rejected_percent_max: 0,
  applied_percent_min: 100,
  patience_s: 60,
  stores: stores.map(([wave, progress], at) => ({ store: `s${at}`, name: `s${at}`, wave, progress, code: null, set_at: null })),
  made_by: "c",
  made_at: "2026-11-24T12:00:00Z",
  ended_at: null,
});

describe("a rollout", () => {
  it("is summed up wave by wave", () => {
    const sums = waves(rollout("running", [[0, "applied"], [0, "rejected"], [1, "set"], [1, "waiting"]]));
    expect(sums).toEqual([
      { stores: 2, written: 2, applied: 1, rejected: 1, restored: 0 },
      { stores: 2, written: 1, applied: 0, rejected: 0, restored: 0 },
    ]);
  });
  it("is as far as its stores have said, and on its way back as far as they have the former one", () => {
    expect(done(rollout("running", [[0, "applied"], [0, "set"], [1, "waiting"], [1, "waiting"]]))).toBe(0.25);
    expect(done(rollout("rolling_back", [[0, "restored"], [0, "applied"], [1, "waiting"]]))).toBe(0.5);
    expect(done(rollout("rolled_back", [[0, "waiting"]]))).toBe(1);
    expect(done(rollout("running", []))).toBe(0);
  });
  it("can be stopped while it goes on, turned back also afterwards, and left alone on its way back", () => {
    expect(deeds("running")).toEqual(["pause", "roll-back"]);
    expect(deeds("paused")).toEqual(["resume", "roll-back"]);
    expect(deeds("done")).toEqual(["roll-back"]);
    expect(deeds("rolled_back")).toEqual([]);
  });
});
