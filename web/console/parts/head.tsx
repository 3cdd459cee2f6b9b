//! Owns the head of a console page, and the page-wide states: failed, offline with old data.
import type { ComponentChildren } from "preact";
import type { ApiError } from "../../shared/api.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Notice } from "../../shared/ui/feedback.tsx";
import { t } from "../texts.ts";

export function Head({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="head">
      <h1>{title}</h1>
      {children}
    </header>
  );
}

export function Failed({ error, again }: { error: ApiError; again: () => void }) {
  const offline = error.failure.kind === "offline";
  return (
    <Notice tone={offline ? "warning" : "danger"} title={t(offline ? "unreachable.title" : "error.title")} action={<Button onPress={again}>{t("again")}</Button>}>
      <p>{error.failure.kind === "offline" ? t("unreachable.text") : t("error.text", { reference: error.failure.problem.instance ?? "–" })}</p>
    </Notice>
  );
}
