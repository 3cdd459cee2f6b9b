//! Owns the offer editor's form: from a draft and back, local times, words counted, server faults at their fields. Pure.
import type { Content, FieldError, LocalText, Money, OfferDraft, Product, SurfaceKind } from "../shared/types.ts";

export const SURFACE_KINDS: readonly SurfaceKind[] = ["screen", "nfc_monitor", "phone", "tablet"];
/** A passer-by reads no more than this. */
export const PUBLIC_WORDS_MAX = 12;

export interface Words {
  readonly headline: LocalText;
  readonly line: LocalText;
}
export interface Form {
  readonly campaign: string;
  readonly product: Product | undefined;
  readonly price: string;
  readonly was: string;
  readonly currency: Money["currency"];
  /** As `datetime-local` fields hold it. */
  readonly from: string;
  readonly to: string;
  readonly stores: readonly string[];
  readonly zones: readonly string[];
  readonly surfaces: readonly SurfaceKind[];
  readonly words: Words;
  /** Own words for a surface, where the common ones do not fit. */
  readonly own: Readonly<Partial<Record<SurfaceKind, Words>>>;
  readonly class: Content["class"];
  readonly segment: string | null;
  readonly rule: string;
  readonly value: number;
  readonly push: boolean;
}

const NO_WORDS: Words = { headline: { de: "", en: "" }, line: { de: "", en: "" } };
const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
const DEFAULT_VALUE = 50;

export function emptyForm(now: number, campaign: string): Form {
  return { campaign, product: undefined, price: "", was: "", currency: "EUR", from: toLocal(new Date(now).toISOString()), to: toLocal(new Date(now + DEFAULT_DAYS * DAY_MS).toISOString()), stores: [], zones: [], surfaces: ["screen", "nfc_monitor", "phone"], words: NO_WORDS, own: {}, class: "P0", segment: null, rule: "", value: DEFAULT_VALUE, push: false };
}

export function toForm(draft: OfferDraft): Form {
  const common = draft.fallback ?? draft.variants[0]?.content;
  const own: Partial<Record<SurfaceKind, Words>> = {};
  for (const { surface, content } of draft.variants) if (draft.fallback) own[surface] = { headline: content.headline, line: content.line };
  return {
    campaign: draft.campaign,
    product: draft.product,
    price: toMajor(draft.price.minor),
    was: draft.was ? toMajor(draft.was.minor) : "",
    currency: draft.price.currency,
    from: toLocal(draft.from),
    to: toLocal(draft.to),
    stores: draft.target.stores,
    zones: draft.target.zones,
    surfaces: draft.target.surfaces,
    words: common ? { headline: common.headline, line: common.line } : NO_WORDS,
    own,
    class: common?.class ?? "P0",
    segment: common?.segment ?? null,
    rule: draft.rule,
    value: draft.value_percent,
    push: draft.push,
  };
}

/** What cannot be sent at all yet, by field; the server judges the rest. */
export type Gap = "product" | "price" | "was" | "from" | "to" | "campaign";

export function gaps(form: Form): Gap[] {
  const found: Gap[] = [];
  if (form.campaign === "") found.push("campaign");
  if (!form.product) found.push("product");
  if (toMinor(form.price) === undefined) found.push("price");
  if (form.was.trim() !== "" && toMinor(form.was) === undefined) found.push("was");
  if (fromLocal(form.from) === undefined) found.push("from");
  if (fromLocal(form.to) === undefined) found.push("to");
  return found;
}

/** `undefined` while a gap is open. */
export function toDraft(form: Form): OfferDraft | undefined {
  const [price, from, to] = [toMinor(form.price), fromLocal(form.from), fromLocal(form.to)];
  if (gaps(form).length > 0 || price === undefined || from === undefined || to === undefined || !form.product) return undefined;
  const was = toMinor(form.was);
  const money = (minor: number): Money => ({ minor, currency: form.currency });
  const content = (words: Words): Content => ({ class: form.class, headline: words.headline, line: words.line, image: form.product?.image ?? null, price: money(price), was: was === undefined ? null : money(was), segment: form.segment });
  const owned = form.surfaces.filter((surface) => form.own[surface] !== undefined);
  return {
    campaign: form.campaign,
    product: form.product,
    price: money(price),
    was: was === undefined ? null : money(was),
    from,
    to,
    target: { stores: [...form.stores], zones: [...form.zones], surfaces: [...form.surfaces] },
    variants: owned.map((surface) => ({ surface, content: content(form.own[surface] ?? form.words) })),
    fallback: content(form.words),
    // Of every kind of surface, wanted now or not: an offer has something to show wherever it turns up.
    fallback_for: SURFACE_KINDS.filter((surface) => !owned.includes(surface)),
    rule: form.rule,
    value_percent: form.value,
    push: form.push,
  };
}

/** What a surface would show of this form now, complete or not. */
export function previewContent(form: Form, surface: SurfaceKind): Content {
  const words = form.own[surface] ?? form.words;
  const [price, was] = [toMinor(form.price), toMinor(form.was)];
  const money = (minor: number | undefined): Money | null => (minor === undefined ? null : { minor, currency: form.currency });
  return { class: form.class, headline: words.headline, line: words.line, image: form.product?.image ?? null, price: money(price), was: money(was), segment: form.segment };
}

/** "5,49", "5.49" or "5" → 549. Two decimals at most; no other sign passes. */
export function toMinor(text: string): number | undefined {
  const match = /^(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  if (!match) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}
export const toMajor = (minor: number): string => `${Math.trunc(minor / 100)},${String(minor % 100).padStart(2, "0")}`;

/** An instant as the local wall clock of this desk, without seconds. */
export function toLocal(instant: string): string {
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export function fromLocal(text: string): string | undefined {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

export const wordCount = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length;

/** Faults whose pointer is `pointer` or lies below it, e.g. `/price` takes `/price/minor`. */
export function faultAt(errors: readonly FieldError[], ...pointers: readonly string[]): string | undefined {
  return errors.find(({ field }) => pointers.some((pointer) => field === pointer || field.startsWith(`${pointer}/`)))?.reason;
}
