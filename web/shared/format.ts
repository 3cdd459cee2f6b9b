//! Owns how money, times and counts look. Takes: integers and instants. Emits: text in the reader's language.
//! On failure: an unknown currency is written as its code.
import type { Locale } from "./i18n.ts";
import type { Money } from "./types.ts";


const TAGS: Record<Locale, string> = { de: "de-DE", en: "en-IE" };

export function money(amount: Money, locale: Locale): string {
  const format = new Intl.NumberFormat(TAGS[locale], { style: "currency", currency: amount.currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount.minor / 10 ** digits);
}

/** The price in pieces, so that a screen can set the cents smaller. */
export function moneyParts(amount: Money, locale: Locale): { type: string; value: string }[] {
  const format = new Intl.NumberFormat(TAGS[locale], { style: "currency", currency: amount.currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.formatToParts(amount.minor / 10 ** digits);
}

export function clock(instant: number | string, locale: Locale, zone?: string): string {
  return new Intl.DateTimeFormat(TAGS[locale], { hour: "2-digit", minute: "2-digit", ...(zone ? { timeZone: zone } : {}) }).format(new Date(instant));
}

export function clockSeconds(instant: number | string, locale: Locale): string {
  return new Intl.DateTimeFormat(TAGS[locale], { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(instant));
}

export function day(instant: number | string, locale: Locale): string {
  return new Intl.DateTimeFormat(TAGS[locale], { day: "numeric", month: "long" }).format(new Date(instant));
}

export function dayAndClock(instant: number | string, locale: Locale): string {
  return new Intl.DateTimeFormat(TAGS[locale], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(instant));
}

/** "23. – 29. Nov." */
export function days(from: number | string, to: number | string, locale: Locale): string {
  return new Intl.DateTimeFormat(TAGS[locale], { day: "numeric", month: "short" }).formatRange(new Date(from), new Date(to));
}

export function count(value: number, locale: Locale): string {
  return new Intl.NumberFormat(TAGS[locale]).format(value);
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 minutes ago" */
export function ago(instant: number | string, now: number, locale: Locale): string {
  const seconds = Math.round((new Date(instant).getTime() - now) / 1000);
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(TAGS[locale], { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}
