//! Owns the tablet's words in both languages.
import de from "../shared/locales/tablet.de.json";
import en from "../shared/locales/tablet.en.json";
import { texts } from "../shared/ui/locale.ts";

export const t = texts({ de, en });
export type TextKey = Parameters<typeof t>[0];
