//! Holds the words for reasons: every clause's codes have one, unknown codes stay visible.
import { describe, expect, it } from "vitest";
import de from "../../shared/locales/console.de.json";
import { CLAUSES, reasonKey, splitReason } from "../reasons.ts";
import { STREAM_MAX, withDecision } from "../stream.ts";
import type { DecisionView } from "../../shared/types.ts";

describe("reasons", () => {
  it("knows every code of the gate, with what it carries", () => {
    for (const reason of ["erased", "blocked", "channel_disabled", "uninstalled", "no_consent", "consent_withdrawn@7", "text_renewal_due", "lease_expired", "holdout:h1", "paused_by_user", "dnd", "open_complaint", "out_of_stock", "stock_stale", "price_changed", "offer_expired", "context_gone", "veto:irrelevant", "quiet_hours", "stale_after_quiet", "no_time_zone", "cap:daily", "attention:empty", "attention:gap", "attention:below_threshold", "outbid_by:x"]) {
      const found = reasonKey(reason);
      expect(found, reason).toBeDefined();
      expect(de).toHaveProperty([found!.key]);
    }
    expect(reasonKey("cap:daily")?.detail).toBe("daily");
  });
  it("does not take an unknown code for a known one", () => {
    expect(reasonKey("toString")).toBeUndefined();
    expect(reasonKey("new_reason:x")).toBeUndefined();
    expect(splitReason("consent_withdrawn@7")).toEqual({ code: "consent_withdrawn", detail: "7" });
  });
  it("names all ten clauses", () => {
    for (const key of CLAUSES) expect(de).toHaveProperty([key]);
  });
});

describe("the stream of decisions", () => {
  const decision = (name: number) => ({ decision: String(name) }) as DecisionView;
  it("is bounded, newest first, and holds each decision once", () => {
    let stream: readonly DecisionView[] = [];
    for (let n = 0; n < STREAM_MAX + 5; n++) stream = withDecision(stream, decision(n));
    expect(stream).toHaveLength(STREAM_MAX);
    expect(stream[0]?.decision).toBe(String(STREAM_MAX + 4));
    expect(withDecision(stream, decision(STREAM_MAX + 4))).toBe(stream);
  });
});
