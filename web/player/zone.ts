//! Owns one zone of the layout: two stacked layers, the next item decoded off screen, the swap in one frame.
//! Takes: the items of its loop, a one-off item that interrupts. Emits: each play with its outcome, and which plan is on
//! the screen.
//! On failure: an item that is not ready holds the picture for at most 2 s and is then skipped as failed; what may not stay
//! that long, such as an expired price, gives way to its words alone. With nothing to play the brand stands, never an empty
//! screen.
import type { Locale } from "../shared/i18n.ts";
import { type Drawn, drawScene } from "../shared/scene.ts";
import type { Content, CutBy, LayoutZoneKind, PlanItem, PlayOutcome } from "../shared/types.ts";
import { afterPlanChange, inStep, mayStart, mayStay, next, nextStartMs, type Pick, playLengthMs } from "./loop.ts";

/** How long the current picture is held for one that is late. */
const HOLD_MS = 2_000;
/** How long an idle zone sleeps before it looks at its items again. */
const IDLE_MS = 5_000;
/** Swap and decode are over well within this; the old layer is then taken away. */
const FADE_MS = 400;

export interface Started {
  /** Closes the play; calling it again changes nothing. */
  end(outcome: PlayOutcome, cutBy: CutBy | null): void;
}
export interface ZoneHost {
  now(): number;
  /** When the loop began that other screens keep step with; none for a screen that plays alone. */
  epoch(): number | undefined;
  started(item: PlanItem): Started;
  failed(item: PlanItem): void;
  /** What is on the screen is what the plan of this revision shows. */
  drew(rev: number): void;
}

interface Prepared {
  readonly at: number;
  readonly item: PlanItem;
  readonly drawn: Drawn;
  readonly layer: HTMLElement;
}

export class Zone {
  #items: readonly PlanItem[] = [];
  /** Of the plan that brought the items. */
  #rev = 0;
  #drawn: number | undefined;
  #at = -1;
  #current: PlanItem | undefined;
  #shown: HTMLElement | undefined;
  /** What the shown layer is of; undefined for content of a command, which no plan knows. */
  #onScreen: PlanItem | "brand" | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  #once: { content: Content; untilMs: number } | undefined;

  constructor(
    readonly element: HTMLElement,
    private readonly kind: LayoutZoneKind,
    private readonly brand: Content,
    private readonly locale: Locale,
    private readonly host: ZoneHost,
  ) {}

  setItems(items: readonly PlanItem[], rev: number): void {
    this.#items = items;
    this.#rev = rev;
    if (!this.#current) return this.#wake?.();
    const change = afterPlanChange(this.#current, items, this.#at);
    if (change.verdict === "cut") return this.#wake?.();
    this.#at = change.at;
    this.#drew(rev);
  }

  /** Shows `content` until `untilMs` (monotonic), then the loop goes on. Not counted as a play: no event stands behind it. */
  show(content: Content, untilMs: number): void {
    this.#once = { content, untilMs };
    this.#wake?.();
  }

  revert(): void {
    if (!this.#once) return;
    this.#once = undefined;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async run(): Promise<void> {
    let prepared = this.#prepare();
    while (!this.#stopped) {
      if (this.#once) {
        prepared?.layer.remove();
        await this.#interrupt(this.#once);
        prepared = this.#prepare();
        continue;
      }
      if (!prepared || !this.#stillWanted(prepared)) prepared = this.#prepare();
      if (!prepared) {
        await this.#idle();
        continue;
      }
      if (!(await within(prepared.drawn.ready, HOLD_MS))) {
        this.host.failed(prepared.item);
        this.#at = prepared.at;
        if (this.#stillWanted(prepared)) await this.#late(prepared);
        prepared = this.#prepare();
        await this.#sleep(HOLD_MS / 4);
        continue;
      }
      if (this.#stopped || this.#once || !this.#stillWanted(prepared)) continue;
      prepared = await this.#play(prepared);
    }
  }

  async #play({ at, item, layer }: Prepared): Promise<Prepared | undefined> {
    const rev = this.#rev;
    await this.#swap(layer, item);
    // Another plan may have come within the frame of the swap.
    const change = afterPlanChange(item, this.#items, at);
    const kept = change.verdict === "keep";
    this.#at = kept ? change.at : at;
    this.#current = item;
    this.#drew(kept ? this.#rev : rev);
    const play = this.host.started(item);
    const length = kept ? this.#lengthMs(item) : 0;
    const following = this.#prepare(length);
    const woken = kept ? await this.#sleep(length) : true;
    this.#current = undefined;
    const cutBy = this.#cutBy(item, woken);
    play.end(cutBy ? "cut" : "complete", cutBy);
    return following;
  }

  /** Its picture has not come in time: what is on the screen stays if it may, else the words stand without the picture. */
  async #late({ item, layer }: Prepared): Promise<void> {
    if (mayStay(this.#onScreen, this.#items, this.host.now())) return layer.remove();
    const rev = this.#rev;
    await this.#swap(layer, item);
    this.#drew(rev);
  }

  #drew(rev: number): void {
    if (this.#drawn === rev) return;
    this.#drawn = rev;
    this.host.drew(rev);
  }

  #lengthMs(item: PlanItem): number {
    const length = playLengthMs(item, this.host.now());
    const epoch = this.host.epoch();
    const turn = epoch === undefined ? undefined : inStep(this.#items, epoch, this.host.now());
    return turn ? Math.min(length, turn.leftMs) : length;
  }

  #cutBy(item: PlanItem, woken: boolean): CutBy | null {
    if (!mayStart(item, this.host.now())) return "window";
    if (!woken) return null;
    if (this.#once) return "command";
    return this.#items.some(({ rule }) => rule === "emergency") && item.rule !== "emergency" ? "emergency" : "plan";
  }

  /** Nothing may play: the brand's picture stands, which needs no plan and no network. */
  async #idle(): Promise<void> {
    const rev = this.#rev;
    if (this.kind === "overlay") {
      // What lies above the others is seen through while nothing is on it.
      this.#shown?.remove();
      this.#shown = undefined;
      this.#onScreen = undefined;
    } else if (this.#shown?.dataset["brand"] === undefined) {
      const drawn = drawScene(this.brand, this.kind, this.locale);
      drawn.element.dataset["brand"] = "";
      await within(drawn.ready, HOLD_MS);
      await this.#swap(this.#lay(drawn), "brand");
    }
    this.#drew(rev);
    const epoch = this.host.epoch();
    const turn = epoch === undefined ? undefined : inStep(this.#items, epoch, this.host.now());
    await this.#sleep(nextStartMs(this.#items, this.host.now(), Math.min(IDLE_MS, turn?.leftMs ?? IDLE_MS)));
  }

  async #interrupt(once: { content: Content; untilMs: number }): Promise<void> {
    const drawn = drawScene(once.content, this.kind, this.locale);
    const layer = this.#lay(drawn);
    if (await within(drawn.ready, HOLD_MS)) {
      await this.#swap(layer, undefined);
      while (this.#once === once && !this.#stopped && performance.now() < once.untilMs) await this.#sleep(once.untilMs - performance.now());
    } else {
      layer.remove();
    }
    if (this.#once === once) this.#once = undefined;
  }

  /** What is on in so many milliseconds. */
  #pick(inMs: number): Pick | undefined {
    const then = this.host.now() + inMs;
    const epoch = this.host.epoch();
    if (epoch === undefined) return next(this.#items, this.#at, this.host.now());
    const turn = inStep(this.#items, epoch, then);
    return turn && mayStart(turn.item, then) ? turn : undefined;
  }

  #prepare(inMs = 0): Prepared | undefined {
    const pick = this.#pick(inMs);
    if (!pick) return undefined;
    const drawn = drawScene(pick.item.content, this.kind, this.locale);
    return { at: pick.at, item: pick.item, drawn, layer: this.#lay(drawn) };
  }

  #stillWanted(prepared: Prepared): boolean {
    const change = afterPlanChange(prepared.item, this.#items, prepared.at);
    const wanted = change.verdict === "keep" && mayStart(prepared.item, this.host.now());
    if (!wanted) prepared.layer.remove();
    return wanted;
  }

  #lay(drawn: Drawn): HTMLElement {
    drawn.element.classList.add("layer");
    this.element.append(drawn.element);
    return drawn.element;
  }

  async #swap(layer: HTMLElement, of: PlanItem | "brand" | undefined): Promise<void> {
    await frame();
    const old = this.#shown;
    layer.classList.add("shown");
    this.#shown = layer;
    this.#onScreen = of;
    // Under the new one until the fade is over, so that no frame is ever black.
    setTimeout(() => old?.remove(), FADE_MS);
  }

  /** Resolves true when woken before the time is over. */
  #sleep(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (woken: boolean) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(woken);
      };
      const timer = setTimeout(() => finish(false), ms);
      this.#wake = () => finish(true);
    });
  }
}

function within(ready: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    ready.then(
      () => (clearTimeout(timer), resolve(true)),
      () => (clearTimeout(timer), resolve(false)),
    );
  });
}

const frame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()));
