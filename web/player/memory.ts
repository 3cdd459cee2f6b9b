//! Owns what a screen remembers over a reload or a power cut: the last plan, and the play that was running.
//! On failure: a full or missing storage means that a reload waits for the node; a remembered text that does not
//! read is forgotten.
import type { Play, ScreenPlan } from "../shared/types.ts";

const planKey = (screen: string) => `aisle.plan.${screen}`;
const runningKey = (screen: string) => `aisle.running.${screen}`;

function read<T>(key: string): T | undefined {
  try {
    const text = localStorage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden; the screen plays on from what it holds.
  }
}

export const rememberedPlan = (screen: string): ScreenPlan | undefined => read<ScreenPlan>(planKey(screen));
export const rememberPlan = (plan: ScreenPlan): void => write(planKey(plan.screen), plan);

/** Plays that the last boot had begun, per layout zone; they ended when the power did. */
export const rememberedRunning = (screen: string): Play[] => Object.values(read<Record<string, Play>>(runningKey(screen)) ?? {});
export const rememberRunning = (screen: string, running: Readonly<Record<string, Play>>): void => write(runningKey(screen), running);
