//! Owns the order of the feed while cards come and go. Pure: time is an argument.
import type { Card } from "../shared/types.ts";

/** A new card joins below, a known one changes in its place: nothing jumps under a thumb. */
export function withCard(cards: readonly Card[], card: Card): Card[] {
  const at = cards.findIndex((known) => known.card === card.card || known.offer === card.offer);
  return at < 0 ? [...cards, card] : cards.map((known, index) => (index === at ? card : known));
}

export function withoutCard(cards: readonly Card[], card: string): Card[] {
  return cards.filter((known) => known.card !== card);
}

/** Half-open: at `until` the offer is over. */
export function alive(cards: readonly Card[], now: number): Card[] {
  return cards.filter((card) => now < Date.parse(card.until));
}

/** Puts a dismissed card back where it was. */
export function backAt(cards: readonly Card[], card: Card, at: number): Card[] {
  return [...cards.slice(0, at), card, ...cards.slice(at)];
}
