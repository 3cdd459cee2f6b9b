//! Holds what plays next: windows of offers, plans that change under the item on screen.
import { describe, expect, it } from "vitest";
import type { PlanItem } from "../../shared/types.ts";
import { afterPlanChange, inStep, mayStart, next, nextStartMs, playLengthMs, sequence } from "../loop.ts";

const item = (event: string, change: Partial<PlanItem> = {}): PlanItem => ({
  event,
  offer: null,
  offer_rev: 1,
  content: { class: "P0", headline: { de: event, en: event }, line: { de: "", en: "" }, image: null, price: { minor: 199, currency: "EUR" }, was: null, segment: null },
  duration_ms: 8_000,
  from: null,
  to: null,
  rule: "loop",
  why: "subscribed",
  schedule: null,
  creative_sha256: null,
  names: {},
  ...change,
});
const at = (ms: number) => new Date(ms).toISOString();

describe("loop", () => {
  it("goes round, and repeats an item that is alone", () => {
    const items = [item("a"), item("b")];
    expect(next(items, -1, 0)?.item.event).toBe("a");
    expect(next(items, 1, 0)?.item.event).toBe("a");
    expect(next([item("a")], 0, 0)?.at).toBe(0);
    expect(next([], -1, 0)).toBeUndefined();
  });
  it("never starts an offer outside its window", () => {
    const offer = item("a", { from: at(1_000), to: at(2_000) });
    expect([999, 1_000, 1_999, 2_000].map((now) => mayStart(offer, now))).toEqual([false, true, true, false]);
    expect(next([offer, item("b")], -1, 2_000)?.item.event).toBe("b");
  });
  it("cuts an item at the end of its offer", () => {
    expect(playLengthMs(item("a", { to: at(5_000) }), 2_000)).toBe(3_000);
    expect(playLengthMs(item("a", { to: at(5_000) }), 6_000)).toBe(0);
    expect(playLengthMs(item("a"), 2_000)).toBe(8_000);
  });
  it("wakes an idle zone when the first item begins, or at the horizon", () => {
    expect(nextStartMs([item("a", { from: at(4_000) }), item("b", { from: at(2_000) })], 1_000, 5_000)).toBe(1_000);
    expect(nextStartMs([item("a", { from: at(90_000) })], 1_000, 5_000)).toBe(5_000);
  });
});

describe("the order of a loop", () => {
  it("is what the plan says, and one after the other where it says nothing", () => {
    const items = [item("a"), item("spot")];
    const events = (order: number[]) => sequence({ zone: "main", items, order }).map(({ event }) => event);
    expect(events([0, 0, 1, 0])).toEqual(["a", "a", "spot", "a"]);
    expect(events([])).toEqual(["a", "spot"]);
    expect(events([7])).toEqual(["a", "spot"]);
  });
});

describe("screens that keep step", () => {
  const items = [item("a", { duration_ms: 3_000 }), item("b", { duration_ms: 5_000 })];
  it("are at the same place at the same time, whenever they were switched on", () => {
    const turns = [0, 2_999, 3_000, 7_999, 8_000].map((now) => inStep(items, 0, now)?.item.event);
    expect(turns).toEqual(["a", "a", "b", "b", "a"]);
    expect(inStep(items, 10_000, 9_000)).toMatchObject({ at: 1, leftMs: 1_000 });
  });
  it("have nobody's turn in an empty loop", () => {
    expect(inStep([], 0, 5)).toBeUndefined();
  });
});

describe("a new plan", () => {
  it("goes on from its place where an item stands in the loop more than once", () => {
    const loop = [item("a"), item("spot"), item("b"), item("spot")];
    expect(afterPlanChange(item("spot"), loop, 3)).toEqual({ verdict: "keep", at: 3 });
    expect(afterPlanChange(item("spot"), loop, 2)).toEqual({ verdict: "keep", at: 3 });
    expect(afterPlanChange(item("a"), loop, 2)).toEqual({ verdict: "keep", at: 0 });
  });
  it("lets the item on screen end when nothing about it changed", () => {
    expect(afterPlanChange(item("b"), [item("a"), item("b")])).toEqual({ verdict: "keep", at: 1 });
  });
  it("cuts at once what was withdrawn, or has another price", () => {
    expect(afterPlanChange(item("b"), [item("a")])).toEqual({ verdict: "cut" });
    const dearer = item("b", { offer_rev: 2 });
    expect(afterPlanChange(item("b"), [dearer])).toEqual({ verdict: "cut" });
    const other = item("b");
    expect(afterPlanChange(item("b"), [{ ...other, content: { ...other.content, price: { minor: 99, currency: "EUR" } } }])).toEqual({ verdict: "cut" });
  });
});
