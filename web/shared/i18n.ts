//! Owns translation: typed keys, parameters, plurals, and the reader's language.
//! Takes: two catalogues with the same keys (held equal by shared/test/locales.test.ts).
//! Emits: strings. On failure: a storage that refuses keeps the language for this page only.

import type { Language, LocalText } from "./types.ts";

export type Locale = Language;
export type Catalogue = Readonly<Record<string, string>>;
export type Parameters = Readonly<Record<string, string | number>>;

const LOCALES: readonly Locale[] = ["de", "en"];
const STORAGE_KEY = "aisle.locale";

/** `?lang=` wins, then the choice of this device, then the browser's languages, then German. */
export function preferredLocale(search: string, stored: string | null, languages: readonly string[]): Locale {
  const wanted = [new URLSearchParams(search).get("lang"), stored, ...languages.map((tag) => tag.slice(0, 2).toLowerCase())];
  return wanted.find((tag): tag is Locale => LOCALES.includes(tag as Locale)) ?? "de";
}

export function initialLocale(): Locale {
  return preferredLocale(location.search, readChoice(), navigator.languages);
}

export function rememberLocale(locale: Locale): void {
  try {
    localStorage.setItem(STORAGE_KEY, locale);
  } catch {
    // Private windows may refuse: the choice then lasts as long as the page.
  }
}

function readChoice(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/** A text that the server sends in both languages; an empty one is replaced by the other. */
export function pick(text: LocalText | undefined | null, locale: Locale): string {
  if (!text) return "";
  return text[locale] || text[locale === "de" ? "en" : "de"];
}

/** Fills `{name}`; a plural key is `name.one` and `name.other`, chosen by the parameter `count`. */
export function translate(catalogue: Catalogue, locale: Locale, key: string, parameters: Parameters = {}): string {
  const count = parameters["count"];
  const plural = typeof count === "number" ? catalogue[`${key}.${new Intl.PluralRules(locale).select(count)}`] : undefined;
  const text = plural ?? catalogue[key] ?? catalogue[`${key}.other`] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(locale).format(value) : value;
  });
}

/** Keys of a catalogue as a caller writes them: without the plural ending. */
export type Key<C> = Stem<Extract<keyof C, string>>;
type Stem<K extends string> = K extends `${infer S}.one` | `${infer S}.other` ? S : K;
