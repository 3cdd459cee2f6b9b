//! Owns the choice of language. Takes: what else shall happen on a choice (the profile keeps it when signed in).
import { Choices } from "../../shared/ui/field.tsx";
import type { Locale } from "../../shared/i18n.ts";
import { locale, setLocale } from "../../shared/ui/locale.ts";
import { t } from "../texts.ts";

export function Languages({ onChoice }: { onChoice?: (locale: Locale) => void }) {
  return (
    <Choices
      label={t("language")}
      value={locale.value}
      options={[
        { value: "de", label: t("language.de") },
        { value: "en", label: t("language.en") },
      ]}
      onChange={(choice) => {
        setLocale(choice);
        onChoice?.(choice);
      }}
    />
  );
}
