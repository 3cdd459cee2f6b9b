//! Owns how the state of a node is put into words: alarms, losses, sizes, who may decide.
//! Takes: wire values. Emits: keys and texts; an unknown word of a newer cloud reads as unknown.
import type { Locale } from "../shared/i18n.ts";
import type { LossKind, LossView, NodeAlarm, NodeHealth, NodeLink } from "../shared/types.ts";
import type { Tone } from "../shared/ui/feedback.tsx";
import type { TextKey } from "./texts.ts";

const ALARMS: Readonly<Record<NodeAlarm, { key: TextKey; tone: Tone }>> = {
  storage_nearly_full: { key: "alarm.storage_nearly_full", tone: "warning" },
  storage_full: { key: "alarm.storage_full", tone: "danger" },
  disk_full: { key: "alarm.disk_full", tone: "danger" },
  identity_in_use: { key: "alarm.identity_in_use", tone: "danger" },
  clock_off: { key: "alarm.clock_off", tone: "warning" },
  certificate_due: { key: "alarm.certificate_due", tone: "warning" },
  certificate_expired: { key: "alarm.certificate_expired", tone: "danger" },
  disk_behind: { key: "alarm.disk_behind", tone: "warning" },
  stream_held: { key: "alarm.stream_held", tone: "danger" },
  clone_suspected: { key: "alarm.clone_suspected", tone: "danger" },
  superseded: { key: "alarm.superseded", tone: "danger" },
  replaced: { key: "alarm.replaced", tone: "warning" },
  unsupported: { key: "alarm.unsupported", tone: "danger" },
  unknown: { key: "alarm.unknown", tone: "warning" },
};
const LOSSES: Readonly<Record<LossKind, TextKey>> = {
  hole: "loss.hole",
  unkept: "loss.unkept",
  budget: "loss.budget",
  disk_full: "loss.disk_full",
  ambiguous: "loss.ambiguous",
  receiver_restored: "loss.receiver_restored",
  unknown: "loss.unknown",
};
const REJECTED: Readonly<Record<string, TextKey>> = {
  unreadable: "rejected.unreadable",
  wrong_key: "rejected.wrong_key",
  not_here: "rejected.not_here",
  programme: "rejected.programme",
  time_zone: "rejected.time_zone",
  too_many: "rejected.too_many",
};
const STREAMS: Readonly<Record<string, TextKey>> = { sess: "stream.sess", audit: "stream.audit", reported: "stream.reported", tele: "stream.tele", order: "stream.order", desired: "stream.desired" };

export const alarm = (code: NodeAlarm): { key: TextKey; tone: Tone } => (Object.hasOwn(ALARMS, code) ? ALARMS[code] : ALARMS.unknown);
export const loss = (kind: LossKind): TextKey => (Object.hasOwn(LOSSES, kind) ? LOSSES[kind] : LOSSES.unknown);
/** Why a store did not accept a document; a code of a newer store speaks for itself. */
export const rejection = (code: string): TextKey | undefined => (Object.hasOwn(REJECTED, code) ? REJECTED[code] : undefined);
export const stream = (name: string): TextKey | undefined => (Object.hasOwn(STREAMS, name) ? STREAMS[name] : undefined);

/** What is wrong, as the node says and as the cloud sees it, each once and the worst first; without what stands beside it anyway. */
export function alarms({ report, seen, held }: NodeHealth): readonly NodeAlarm[] {
  const all = new Set([...(report?.alarms ?? []), ...seen.map((one) => one.alarm)]);
  if (held.length > 0) all.delete("stream_held");
  // A certificate that has ended needs no word that it will.
  if (all.has("certificate_expired")) all.delete("certificate_due");
  const codes = [...all];
  return [...codes.filter((code) => alarm(code).tone === "danger"), ...codes.filter((code) => alarm(code).tone !== "danger")];
}

/** By how much a clock is off, in the largest unit that it fills: "1 day". */
export function skew(seconds: number, locale: Locale): string {
  const whole = Math.abs(seconds);
  const [unit, length] = whole >= 86_400 ? (["day", 86_400] as const) : whole >= 3_600 ? (["hour", 3_600] as const) : whole >= 60 ? (["minute", 60] as const) : (["second", 1] as const);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.round(whole / length));
}

/** A hole is what the node says it lost, seen from the other end: counting both would tell it twice. */
export function lostRecords(losses: readonly LossView[]): number {
  const sum = (kinds: (kind: LossKind) => boolean) => losses.filter((one) => kinds(one.kind)).reduce((total, one) => total + one.records, 0);
  return Math.max(sum((kind) => kind === "hole"), sum((kind) => kind === "budget" || kind === "disk_full")) + sum((kind) => kind !== "hole" && kind !== "budget" && kind !== "disk_full");
}

/** How badly a node needs somebody: what cannot wait comes first. */
export function need(link: NodeLink, health: NodeHealth): number {
  const tones = alarms(health).map((code) => alarm(code).tone);
  if (health.held.length > 0 || tones.includes("danger")) return 3;
  if (health.active && link.state === "lost") return 2;
  return tones.length > 0 || link.quarantined > 0 || health.rejected.length > 0 ? 1 : 0;
}

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** Bytes as a person reads them; the wire has them as text, because they may be larger than a number holds. */
export function size(bytes: string | number, locale: Locale): string {
  let [value, at] = [Number(bytes), 0];
  while (value >= 1024 && at < SIZES.length - 1) {
    value /= 1024;
    at += 1;
  }
  return new Intl.NumberFormat(locale, { style: "unit", unit: SIZES[at] ?? "byte", unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

export const part = (used: string, budget: string): number => (Number(budget) > 0 ? Number(used) / Number(budget) : 0);

/** The JSON as one reads it; what is no JSON stays as it came. */
export function readable(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}
