//! Holds what a zone says that it has drawn, and what may stay on the screen, in a browser of which only as much is there as
//! a zone touches: elements, frames, pictures that are decoded or not.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Content, PlanItem } from "../../shared/types.ts";
import { Zone, type ZoneHost } from "../zone.ts";

const FRAME_MS = 16;

class Element {
  readonly children: Element[] = [];
  readonly dataset: Record<string, string> = {};
  readonly style = { setProperty: () => undefined };
  readonly classes = new Set<string>();
  readonly classList = { add: (name: string) => this.classes.add(name) };
  parent: Element | undefined;
  className = "";
  textContent = "";
  append(...children: (Element | string)[]): void {
    for (const child of children) {
      if (typeof child === "string") continue;
      child.parent = this;
      this.children.push(child);
    }
  }
  remove(): void {
    this.parent?.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = undefined;
  }
  get text(): string {
    return this.textContent + this.children.map((child) => child.text).join("");
  }
}

/** Whether pictures come. */
let pictures = true;
class Picture extends Element {
  decode(): Promise<void> {
    return pictures ? Promise.resolve() : new Promise(() => undefined);
  }
}

const content = (headline: string): Content => ({ class: "P0", headline: { de: headline, en: headline }, line: { de: "", en: "" }, image: null, price: null, was: null, segment: null });
const item = (headline: string, change: Partial<PlanItem> = {}): PlanItem => ({
  event: "price", offer: null, offer_rev: null, content: content(headline), duration_ms: 8_000, from: null, to: null,
  rule: "loop", why: "price", schedule: null, creative_sha256: null, names: {}, ...change,
});

function begin(items: readonly PlanItem[], rev: number) {
  const root = new Element();
  const drew: number[] = [];
  const failed: string[] = [];
  const host: ZoneHost = {
    now: () => Date.now(),
    epoch: () => undefined,
    started: () => ({ end: () => undefined }),
    failed: (late) => void failed.push(late.content.headline.en),
    drew: (drawn) => void drew.push(drawn),
  };
  const zone = new Zone(root as unknown as HTMLElement, "overlay", content("brand"), "en", host);
  zone.setItems(items, rev);
  void zone.run();
  return { zone, drew, failed, shown: () => root.children.filter(({ classes }) => classes.has("shown")).map(({ text }) => text) };
}

beforeEach(() => {
  pictures = true;
  vi.useFakeTimers({ now: 0, toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  vi.stubGlobal("requestAnimationFrame", (drawn: () => void) => setTimeout(drawn, FRAME_MS));
  vi.stubGlobal("document", { createElement: () => new Element() });
  vi.stubGlobal("Image", Picture);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("zone", () => {
  it("says that a plan is drawn when its item is on the screen, not when the plan has come", async () => {
    const { zone, drew, shown } = begin([item("1.99")], 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([drew, shown()]).toEqual([[1], ["1.99"]]);
    pictures = false;
    zone.setItems([item("2.49")], 2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([drew, shown()]).toEqual([[1], ["1.99"]]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([drew, shown()]).toEqual([[1, 2], ["2.49"]]);
  });
  it("goes on with what a new plan shows as well, and says so", async () => {
    const { zone, drew, shown } = begin([item("1.99")], 1);
    await vi.advanceTimersByTimeAsync(1_000);
    zone.setItems([item("1.99"), item("new", { event: "other" })], 2);
    expect([drew, shown()]).toEqual([[1, 2], ["1.99"]]);
  });
  it("takes no plan for drawn that comes within the frame of a swap and shows something else", async () => {
    const { zone, drew, shown } = begin([item("1.99")], 1);
    await vi.advanceTimersByTimeAsync(0);
    zone.setItems([item("2.49")], 2);
    await vi.advanceTimersByTimeAsync(FRAME_MS);
    expect(drew).toEqual([1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([drew, shown()]).toEqual([[1, 2], ["2.49"]]);
  });
  it("leaves no expired price on the screen when the picture of the next one does not come", async () => {
    const { failed, shown } = begin([item("1.99", { to: new Date(5_000).toISOString() }), item("2.49", { event: "then", from: new Date(5_000).toISOString() })], 1);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(shown()).toEqual(["1.99"]);
    pictures = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect([failed[0], shown()]).toEqual(["2.49", ["2.49"]]);
  });
  it("holds the picture that may stay while the next one is late", async () => {
    const { failed, shown } = begin([item("a", { event: "a" }), item("b", { event: "b" })], 1);
    // The first one's was asked for already.
    pictures = false;
    await vi.advanceTimersByTimeAsync(10_200);
    expect([failed, shown()]).toEqual([["b"], ["a"]]);
  });
});
