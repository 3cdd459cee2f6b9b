//! Owns what the editor shows beside the form: the offer on each surface, and who would get it.
import { useState } from "preact/hooks";
import type { OfferPreview, SurfaceKind } from "../../shared/types.ts";
import { count } from "../../shared/format.ts";
import { SkeletonLines } from "../../shared/ui/feedback.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { Tabs } from "../../shared/ui/tabs.tsx";
import { type Form, previewContent } from "../draft.ts";
import { t } from "../texts.ts";
import { local, reasonText } from "../words.ts";
import { NfcPreview, PhonePreview, ScreenPreview } from "./scene.tsx";

type View = "screen" | "portrait" | "nfc_monitor" | "phone";
const VIEWS: readonly { view: View; surface: SurfaceKind }[] = [
  { view: "screen", surface: "screen" },
  { view: "portrait", surface: "screen" },
  { view: "nfc_monitor", surface: "nfc_monitor" },
  { view: "phone", surface: "phone" },
];

/** `complete`: nothing is missing, so the server has been asked. */
export function OfferPreviews({ form, preview, complete }: { form: Form; preview: OfferPreview | undefined; complete: boolean }) {
  const [view, setView] = useState<View>("screen");
  const surface = VIEWS.find((known) => known.view === view)?.surface ?? "screen";
  const content = previewContent(form, surface);
  const label = t(`preview.${view}`);
  return (
    <aside class="side-panel stack" aria-label={t("preview.title")}>
      <section class="card stack">
        <Tabs label={t("preview.title")} value={view} tabs={VIEWS.map((known) => ({ value: known.view, label: t(`preview.${known.view}`) }))} onChange={setView}>
          <div class="preview-place">
            {view === "phone" ? <PhonePreview content={content} name={local(form.product?.name)} label={label} /> : view === "nfc_monitor" ? <NfcPreview content={content} label={label} /> : <ScreenPreview content={content} portrait={view === "portrait"} label={label} />}
          </div>
        </Tabs>
        {form.surfaces.includes(surface) ? null : <p class="small quiet">{t("preview.not_here")}</p>}
      </section>
      <section class="card stack">
        <h2>{t("preview.who")}</h2>
        {preview ? <Verdicts preview={preview} /> : complete ? <SkeletonLines widths={[90, 70, 50, 40]} /> : <p class="quiet">{t("preview.incomplete")}</p>}
      </section>
    </aside>
  );
}

function Verdicts({ preview }: { preview: OfferPreview }) {
  if (preview.looked_at === 0) return <p class="quiet">{t("preview.nobody")}</p>;
  const sent = preview.verdicts.find((verdict) => verdict.reason === "send" || verdict.reason === "sent")?.customers ?? 0;
  return (
    <>
      <p>{t("preview.finding", { count: sent, all: preview.looked_at })}</p>
      <table class="verdicts">
        <caption class="sr">{t("preview.who")}</caption>
        <tbody>
          {preview.verdicts.map((verdict) => {
            const good = verdict.reason === "send" || verdict.reason === "sent";
            return (
              <tr key={verdict.reason}>
                <th scope="row">{good ? t("reason.send") : reasonText(verdict.reason)}</th>
                <td class="num">{count(verdict.customers, locale.value)}</td>
                <td class="verdict-bar" aria-hidden="true">
                  <span class={good ? "good" : ""} style={{ "--part": String(verdict.customers / preview.looked_at) }} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}
