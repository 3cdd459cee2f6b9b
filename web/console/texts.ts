//! Owns the console's words in both languages.
import de from "../shared/locales/console.de.json";
import en from "../shared/locales/console.en.json";
import { texts } from "../shared/ui/locale.ts";

export const t = texts({ de, en });
export type TextKey = Parameters<typeof t>[0];
