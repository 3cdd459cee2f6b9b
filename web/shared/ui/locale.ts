//! Owns the language of a Preact page as a signal. Takes: the surface's catalogues. Emits: `t`, the locale.
//! On failure: an unknown key shows itself, which the tests forbid.
import { signal } from "@preact/signals";
import { type Catalogue, type Key, type Locale, type Parameters, initialLocale, rememberLocale, translate } from "../i18n.ts";

export const locale = signal<Locale>(initialLocale());
document.documentElement.lang = locale.value;

export function setLocale(next: Locale): void {
  locale.value = next;
  document.documentElement.lang = next;
  rememberLocale(next);
}

/** `t` reads the signal, so whatever calls it while drawing is drawn again in the new language. */
export function texts<C extends Catalogue>(catalogues: Readonly<Record<Locale, C>>): (key: Key<C>, parameters?: Parameters) => string {
  return (key, parameters) => translate(catalogues[locale.value], locale.value, key, parameters);
}
