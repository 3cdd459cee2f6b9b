//! Owns proof of play until the node has it: numbered in order inside this boot, kept over reloads, sent oldest first.
//! Takes: finished plays. Emits: reports of at most 100 plays of one boot. On failure: keeps and sends again; beyond
//! its bound the oldest leave, which the gap in `seq` shows; without IndexedDB it keeps them in memory.
import { ApiError, ask } from "../shared/api.ts";
import { backoffMs } from "../shared/backoff.ts";
import type { Play, PlayAck, PlayReport } from "../shared/types.ts";
import { type Shelf, openShelf } from "./shelf.ts";

/** Two days of eight-second items. */
const KEPT_MAX = 20_000;
const REPORT_MAX = 100;

export class PlayQueue {
  #seq = 0;
  #sending = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;

  private constructor(
    private readonly screen: string,
    private readonly boot: string,
    private readonly shelf: Shelf,
  ) {}

  static async open(screen: string, boot: string): Promise<PlayQueue> {
    return new PlayQueue(screen, boot, await openShelf(`aisle-plays-${screen}`, KEPT_MAX));
  }

  /** The number that the next play of this boot gets. */
  nextSeq(): number {
    this.#seq += 1;
    return this.#seq;
  }

  async add(play: Play): Promise<void> {
    await this.shelf.put(play);
    void this.send();
  }

  async send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#again);
    try {
      for (;;) {
        const waiting = await this.shelf.oldest(REPORT_MAX);
        const first = waiting[0];
        if (!first) break;
        const report: PlayReport = { plays: waiting.filter((play) => play.boot === first.boot) };
        await this.#report(report, first);
      }
      this.#attempt = 0;
    } catch {
      this.#again = setTimeout(() => void this.send(), backoffMs(this.#attempt++, Math.random()));
    } finally {
      this.#sending = false;
    }
  }

  async #report(report: PlayReport, first: Play): Promise<void> {
    try {
      const ack = await ask<PlayAck>(`/v1/screens/${encodeURIComponent(this.screen)}/plays`, { method: "POST", body: report });
      await this.shelf.drop(ack.boot, Math.max(ack.seq, first.seq - 1));
    } catch (error) {
      // A report that the node can never take would stand in the way of all later ones.
      const hopeless = error instanceof ApiError && (error.status === 400 || error.status === 422);
      if (!hopeless) throw error;
      const last = report.plays.at(-1);
      await this.shelf.drop(first.boot, last?.seq ?? first.seq);
    }
  }

  get bootId(): string {
    return this.boot;
  }
}
