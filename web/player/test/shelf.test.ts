//! Holds the bounded shelf of plays without IndexedDB.
import { describe, expect, it } from "vitest";
import type { Play } from "../../shared/types.ts";
import { inMemory } from "../shelf.ts";

const play = (boot: string, seq: number) => ({ boot, seq }) as Play;

describe("shelf", () => {
  it("drops what is acknowledged of one boot and keeps the other", async () => {
    const shelf = inMemory(10);
    for (const [boot, seq] of [["x", 1], ["x", 2], ["y", 1]] as const) await shelf.put(play(boot, seq));
    await shelf.drop("x", 1);
    expect(await shelf.oldest(10)).toEqual([play("x", 2), play("y", 1)]);
  });
  it("loses the oldest when it is full", async () => {
    const shelf = inMemory(2);
    for (const seq of [1, 2, 3]) await shelf.put(play("x", seq));
    expect((await shelf.oldest(10)).map(({ seq }) => seq)).toEqual([2, 3]);
  });
});
