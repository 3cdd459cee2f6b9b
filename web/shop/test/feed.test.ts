//! Holds the order of the feed.
import { describe, expect, it } from "vitest";
import type { Card } from "../../shared/types.ts";
import { alive, backAt, withCard, withoutCard } from "../feed.ts";

const card = (name: string, change: Partial<Card> = {}) => ({ card: name, offer: `offer-${name}`, offer_rev: 1, until: "2026-11-24T10:00:00Z", ...change }) as Card;
const names = (cards: readonly Card[]) => cards.map((found) => found.card);

describe("feed", () => {
  const feed = [card("a"), card("b")];
  it("adds a new card below and changes a known one in place", () => {
    expect(names(withCard(feed, card("c")))).toEqual(["a", "b", "c"]);
    const changed = withCard(feed, card("a", { offer_rev: 2 }));
    expect(names(changed)).toEqual(["a", "b"]);
    expect(changed[0]?.offer_rev).toBe(2);
  });
  it("shows one card per offer when a new revision brings a new card", () => {
    expect(names(withCard(feed, card("a2", { offer: "offer-a" })))).toEqual(["a2", "b"]);
  });
  it("lets an offer go at its end, not after", () => {
    expect(names(alive(feed, Date.parse("2026-11-24T09:59:59.999Z")))).toEqual(["a", "b"]);
    expect(alive(feed, Date.parse("2026-11-24T10:00:00Z"))).toEqual([]);
  });
  it("puts a dismissed card back where it was", () => {
    expect(names(backAt(withoutCard(feed, "a"), feed[0]!, 0))).toEqual(["a", "b"]);
  });
});
