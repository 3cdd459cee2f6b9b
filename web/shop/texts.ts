//! Owns the shop's words in both languages.
import de from "../shared/locales/shop.de.json";
import en from "../shared/locales/shop.en.json";
import { texts } from "../shared/ui/locale.ts";

export const t = texts({ de, en });
export type TextKey = Parameters<typeof t>[0];
