//! Holds what plays next: windows of offers, plans that change under the item on screen.
import { describe, expect, it } from "vitest";
import type { PlanItem } from "../../shared/types.ts";
import { afterPlanChange, mayStart, next, nextStartMs, playLengthMs } from "../loop.ts";

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

describe("a new plan", () => {
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
