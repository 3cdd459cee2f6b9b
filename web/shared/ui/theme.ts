//! Owns the theme: the system's, unless this device chose one. Emits: `theme`. On failure: the system's theme.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const STORAGE_KEY = "aisle.theme";

const read = (): Theme => {
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
};
const apply = (theme: Theme) => {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
};

export const theme = signal<Theme>(read());
apply(theme.value);

export function setTheme(next: Theme): void {
  theme.value = next;
  apply(next);
  try {
    localStorage.setItem(STORAGE_KEY, next);
  } catch {
    // Not remembered then; the page is right all the same.
  }
}
