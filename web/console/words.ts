//! Owns small phrases that several pages share: reasons, states, short ids.
import { pick } from "../shared/i18n.ts";
import type { LocalText, NodeState, OfferState, PlayRule, SurfaceKind } from "../shared/types.ts";
import type { Tone } from "../shared/ui/feedback.tsx";
import { locale } from "../shared/ui/locale.ts";
import { reasonKey } from "./reasons.ts";
import { type TextKey, t } from "./texts.ts";

export function reasonText(reason: string): string {
  const found = reasonKey(reason);
  return found ? t(found.key, { detail: found.detail }) : reason;
}

export const local = (text: LocalText | null | undefined): string => pick(text, locale.value);

/** The end of a UUIDv7 differs, its beginning is the time. */
export const shortId = (id: string): string => id.slice(-8);

export const NODE_STATES: Readonly<Record<NodeState, { key: TextKey; tone: Tone }>> = {
  new: { key: "node.new", tone: "neutral" },
  online: { key: "node.online", tone: "success" },
  offline: { key: "node.offline", tone: "warning" },
  lost: { key: "node.lost", tone: "danger" },
};

export const OFFER_STATES: Readonly<Record<OfferState, { key: TextKey; tone: Tone }>> = {
  draft: { key: "offer.draft", tone: "neutral" },
  published: { key: "offer.published", tone: "success" },
  withdrawn: { key: "offer.withdrawn", tone: "warning" },
};

export const SURFACES: Readonly<Record<SurfaceKind, TextKey>> = { screen: "surface.screen", nfc_monitor: "surface.nfc_monitor", tablet: "surface.tablet", phone: "surface.phone" };

export const RULES: Readonly<Record<PlayRule, TextKey>> = { loop: "rule.loop", priority: "rule.priority", interrupt: "rule.interrupt", emergency: "rule.emergency", fallback: "rule.fallback" };

const WHYS: Readonly<Record<string, TextKey>> = { subscribed: "plan.subscribed", scheduled: "plan.scheduled", price: "plan.price", interrupt: "plan.interrupt", emergency: "plan.emergency", fallback: "plan.fallback" };
export const planWhy = (why: string): string => (Object.hasOwn(WHYS, why) && WHYS[why] ? t(WHYS[why]) : why);

const RANKING: Readonly<Record<string, TextKey>> = { often_buys: "why.often_buys", popular_here: "why.popular_here", new_for_you: "why.new_for_you", wish: "why.wish" };
export const rankingWhy = (code: string): string => (Object.hasOwn(RANKING, code) && RANKING[code] ? t(RANKING[code]) : code);
