//! Owns how the codes of a decision read. Pure. An unknown code is shown as it is: better raw than hidden.
import type { TextKey } from "./texts.ts";

/** A reason may carry a name after `:` or `@`, e.g. `cap:daily`, `consent_withdrawn@7`. */
export function splitReason(reason: string): { readonly code: string; readonly detail: string } {
  const at = reason.search(/[:@]/);
  return at < 0 ? { code: reason, detail: "" } : { code: reason.slice(0, at), detail: reason.slice(at + 1) };
}

const WHOLE: Readonly<Record<string, TextKey>> = {
  sent: "reason.sent",
  send: "reason.send",
  erased: "reason.erased",
  blocked: "reason.blocked",
  channel_disabled: "reason.channel_disabled",
  uninstalled: "reason.uninstalled",
  no_consent: "reason.no_consent",
  text_renewal_due: "reason.text_renewal_due",
  lease_expired: "reason.lease_expired",
  paused_by_user: "reason.paused_by_user",
  dnd: "reason.dnd",
  open_complaint: "reason.open_complaint",
  out_of_stock: "reason.out_of_stock",
  stock_stale: "reason.stock_stale",
  price_changed: "reason.price_changed",
  offer_expired: "reason.offer_expired",
  context_gone: "reason.context_gone",
  "veto:irrelevant": "reason.veto_irrelevant",
  quiet_hours: "reason.quiet_hours",
  stale_after_quiet: "reason.stale_after_quiet",
  no_time_zone: "reason.no_time_zone",
  "attention:empty": "reason.attention_empty",
  "attention:gap": "reason.attention_gap",
  "attention:below_threshold": "reason.attention_below_threshold",
  not_eligible: "reason.not_eligible",
  sibling: "reason.sibling",
  // The display policy and the schedule, for what a screen left out.
  not_yet: "denied.not_yet",
  over: "denied.over",
  recurrence: "denied.recurrence",
  day_part: "denied.day_part",
  criteria: "denied.criteria",
  priority: "denied.priority",
  cap: "denied.cap",
  full: "denied.full",
  no_offer: "denied.no_offer",
  no_content: "denied.no_content",
  emergency: "denied.emergency",
  class: "denied.class",
  k_live: "denied.k_live",
  k_creative: "denied.k_creative",
  slot: "denied.slot",
  sensitive: "denied.sensitive",
  no_binding: "denied.no_binding",
  scope: "denied.scope",
};

const STEMS: Readonly<Record<string, TextKey>> = {
  consent_withdrawn: "reason.consent_withdrawn",
  holdout: "reason.holdout",
  cap: "reason.cap",
  outbid_by: "reason.outbid_by",
  veto: "reason.veto_irrelevant",
};

export function reasonKey(reason: string): { readonly key: TextKey; readonly detail: string } | undefined {
  const whole = Object.hasOwn(WHOLE, reason) ? WHOLE[reason] : undefined;
  if (whole) return { key: whole, detail: "" };
  const { code, detail } = splitReason(reason);
  const stem = Object.hasOwn(STEMS, code) ? STEMS[code] : undefined;
  return stem ? { key: stem, detail } : undefined;
}

/** Names of the ten clauses, in the order in which the gate asks them. */
export const CLAUSES: readonly TextKey[] = ["clause.1", "clause.2", "clause.3", "clause.4", "clause.5", "clause.6", "clause.7", "clause.8", "clause.9", "clause.10"];
