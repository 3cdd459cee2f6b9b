//! Owns what a rollout's rows add up to: per wave how many stores are where, what staff can do now, how it is said.
//! Takes: rollouts as the cloud tells them. Emits: numbers and keys of texts. Cannot fail.
import type { RolloutPhase, RolloutProgress, RolloutReason, RolloutView } from "../shared/types.ts";
import type { Tone } from "../shared/ui/feedback.tsx";
import type { TextKey } from "./texts.ts";

export interface Wave {
  readonly stores: number;
  readonly written: number;
  readonly applied: number;
  readonly rejected: number;
  readonly restored: number;
}

const NOTHING: Wave = { stores: 0, written: 0, applied: 0, rejected: 0, restored: 0 };

export function waves(rollout: RolloutView): readonly Wave[] {
  const sums: Wave[] = [];
  for (const { wave, progress } of rollout.stores) {
    while (sums.length <= wave) sums.push(NOTHING);
    const before = sums[wave] ?? NOTHING;
    sums[wave] = {
      stores: before.stores + 1,
      written: before.written + (progress === "waiting" ? 0 : 1),
      applied: before.applied + (progress === "applied" ? 1 : 0),
      rejected: before.rejected + (progress === "rejected" ? 1 : 0),
      restored: before.restored + (progress === "restored" ? 1 : 0),
    };
  }
  return sums;
}

/** How much of it is done: what counts is what stores have said, or, on the way back, what they have again. */
export function done(rollout: RolloutView): number {
  if (rollout.stores.length === 0) return 0;
  const back = rollout.phase === "rolling_back" || rollout.phase === "rolled_back";
  const written = rollout.stores.filter(({ progress }) => progress !== "waiting");
  const ends: readonly RolloutProgress[] = back ? ["restored", "overtaken"] : ["applied", "rejected", "overtaken"];
  const ended = written.filter(({ progress }) => ends.includes(progress)).length;
  return back ? (written.length === 0 ? 1 : ended / written.length) : ended / rollout.stores.length;
}

export type Deed = "pause" | "resume" | "roll-back";

export function deeds(phase: RolloutPhase): readonly Deed[] {
  switch (phase) {
    case "running":
      return ["pause", "roll-back"];
    case "paused":
      return ["resume", "roll-back"];
    case "done":
      return ["roll-back"];
    case "rolling_back":
    case "rolled_back":
      return [];
  }
}

export const PHASES: Readonly<Record<RolloutPhase, { readonly key: TextKey; readonly tone: Tone }>> = {
  running: { key: "rollout.running", tone: "accent" },
  paused: { key: "rollout.paused", tone: "warning" },
  rolling_back: { key: "rollout.rolling_back", tone: "danger" },
  done: { key: "rollout.done", tone: "success" },
  rolled_back: { key: "rollout.rolled_back", tone: "danger" },
};

export const PROGRESS: Readonly<Record<RolloutProgress, { readonly key: TextKey; readonly tone: Tone }>> = {
  waiting: { key: "rollout.waiting", tone: "neutral" },
  set: { key: "rollout.set", tone: "accent" },
  applied: { key: "rollout.applied", tone: "success" },
  rejected: { key: "rollout.rejected", tone: "danger" },
  restored: { key: "rollout.restored", tone: "neutral" },
  overtaken: { key: "rollout.overtaken", tone: "warning" },
};

export const REASONS: Readonly<Record<RolloutReason, TextKey>> = {
  too_many_rejected: "rollout.too_many_rejected",
  not_converged: "rollout.not_converged",
  staff: "rollout.by_staff",
};
