//! Owns the bounded stream of decisions. Pure.
import type { DecisionView } from "../shared/types.ts";

/** As many as a person could scroll through; older ones are in the decision log. */
export const STREAM_MAX = 100;

/** Newest first; the same decision again (a stream that was resumed) changes nothing. */
export function withDecision(stream: readonly DecisionView[], decision: DecisionView): readonly DecisionView[] {
  if (stream.some((known) => known.decision === decision.decision)) return stream;
  return [decision, ...stream].slice(0, STREAM_MAX);
}
