//! Owns what a layout zone plays next, and what a new plan does to the item on screen. Pure: time is an argument.
//! The node decides what is in the loop; here an item is only refused outside its own window.
import type { PlanItem, PlanZone } from "../shared/types.ts";

export interface Pick {
  readonly at: number;
  readonly item: PlanItem;
}

/** The items in the order of the loop. A plan of an older node names no order: one after the other. */
export function sequence({ items, order }: PlanZone): readonly PlanItem[] {
  const named = (order ?? []).flatMap((at) => items[at] ?? []);
  return named.length > 0 ? named : items;
}

export interface Step extends Pick {
  /** Until the next item's turn. */
  readonly leftMs: number;
}

/** Whose turn it is where screens keep step: the time since the epoch, modulo the length of the loop. */
export function inStep(items: readonly PlanItem[], epoch: number, now: number): Step | undefined {
  const length = items.reduce((sum, item) => sum + item.duration_ms, 0);
  if (length <= 0) return undefined;
  let passed = (((now - epoch) % length) + length) % length;
  for (const [at, item] of items.entries()) {
    if (passed < item.duration_ms) return { at, item, leftMs: item.duration_ms - passed };
    passed -= item.duration_ms;
  }
  return undefined;
}

const instant = (text: string | null, otherwise: number) => (text === null ? otherwise : Date.parse(text));

/** Half-open `[from, to)`: an expired price never shows. */
export function mayStart(item: PlanItem, now: number): boolean {
  return instant(item.from, -Infinity) <= now && now < instant(item.to, Infinity);
}

/** The first item after `at` that may start now; the same one again if it is alone. */
export function next(items: readonly PlanItem[], at: number, now: number): Pick | undefined {
  for (let step = 1; step <= items.length; step++) {
    const index = (at + step) % items.length;
    const item = items[index];
    if (item && mayStart(item, now)) return { at: index, item };
  }
  return undefined;
}

/** Milliseconds to play: its own length, or less where its offer ends first. */
export function playLengthMs(item: PlanItem, now: number): number {
  return Math.max(0, Math.min(item.duration_ms, instant(item.to, Infinity) - now));
}

/** When an item of an idle zone becomes playable; at most `horizonMs` ahead. */
export function nextStartMs(items: readonly PlanItem[], now: number, horizonMs: number): number {
  const starts = items.map((item) => instant(item.from, Infinity)).filter((from) => from > now);
  return Math.min(horizonMs, ...starts.map((from) => from - now));
}

/**
 * `keep`: the item plays on to its end; `cut`: gone or changed, so it leaves the screen now. An item that stands in the
 * loop more than once goes on from where it was: `from` is its former place.
 */
export function afterPlanChange(current: PlanItem, items: readonly PlanItem[], from = 0): { readonly verdict: "keep"; readonly at: number } | { readonly verdict: "cut" } {
  const isIt = (item: PlanItem) => item.event === current.event;
  const later = items.findIndex((item, at) => at >= from && isIt(item));
  const at = later >= 0 ? later : items.findIndex(isIt);
  const found = items[at];
  return found && sameShowing(found, current) ? { verdict: "keep", at } : { verdict: "cut" };
}

/**
 * Whether what is on the screen may stay while its successor is late: not beyond its own window, nor once the plan shows
 * it no more. The brand may always stay; of anything else nobody knows that it still holds.
 */
export function mayStay(onScreen: PlanItem | "brand" | undefined, items: readonly PlanItem[], now: number): boolean {
  if (onScreen === undefined || onScreen === "brand") return onScreen === "brand";
  return mayStart(onScreen, now) && afterPlanChange(onScreen, items).verdict === "keep";
}

function sameShowing(a: PlanItem, b: PlanItem): boolean {
  return a.offer_rev === b.offer_rev && a.to === b.to && JSON.stringify(a.content) === JSON.stringify(b.content);
}
