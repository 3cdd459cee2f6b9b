//! Owns consent: plain words, one purpose a line, a switch that gives and takes back alike.
//! Takes: the legal texts in force. Emits: consent records with the hash of what was shown.
//! On failure: the switch goes back to what is true, and says why.
import { useEffect, useState } from "preact/hooks";
import { ask, newKey } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { sha256Hex } from "../../shared/sha256.ts";
import type { ConsentChange, ConsentView, Consents, LegalText, LegalTexts } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { Switch } from "../../shared/ui/field.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { toast } from "../../shared/ui/toast.tsx";
import { Head } from "../parts/header.tsx";
import { Languages } from "../parts/languages.tsx";
import { changeMe, consents, failed, session } from "../state.ts";
import { t } from "../texts.ts";

/** What matters during a visit comes first. */
const ORDER = ["instore_context", "profiling", "marketing", "location", "measurement", "partner_sharing"];

export function ConsentPage({ first = false }: { first?: boolean }) {
  const language = locale.value;
  const texts = useLoaded(() => ask<LegalTexts>(`/v1/legal-texts?language=${language}`), [language]);
  const own = useLoaded(() => ask<Consents>("/v1/me/consents"), []);
  useEffect(() => {
    if (own.data) consents.value = own.data;
  }, [own.data]);
  const known = consents.value ?? own.data;
  const error = texts.error ?? own.error;

  return (
    <div class="page">
      {first ? (
        <div class="row">
          <span class="push-end">
            <Languages onChoice={(choice) => void changeMe({ language: choice })} />
          </span>
        </div>
      ) : null}
      <Head title={t(first ? "consent.first" : "consent.title")} />
      <p>{t("consent.text")}</p>
      {texts.data && known ? (
        <ul class="consents">
          {sorted(texts.data.texts, language).map((text) => (
            <li key={text.purpose}>
              <Consent text={text} records={known.consents} />
            </li>
          ))}
        </ul>
      ) : error ? (
        <Empty
          art={scenicUrl("offline")}
          title={t("unreachable.title")}
          action={
            <Button
              onPress={() => {
                texts.again();
                own.again();
              }}
            >
              {t("again")}
            </Button>
          }
        >
          {t("consent.away")}
        </Empty>
      ) : (
        <SkeletonBox height="24rem" />
      )}
      {first ? (
        <div class="stack-2">
          <Button kind="primary" large wide onPress={finish}>
            {t("consent.done")}
          </Button>
          <p class="small quiet center">{t("consent.later")}</p>
        </div>
      ) : null}
    </div>
  );
}

const finish = () => {
  const current = session.value;
  if (current.state === "in") session.value = { state: "in", me: { ...current.me, new: false } };
};

function Consent({ text, records }: { text: LegalText; records: readonly ConsentView[] }) {
  const [busy, setBusy] = useState(false);
  const record = records.find((known) => known.purpose === text.purpose && known.channel === null && known.in_force);
  const granted = record?.granted ?? false;
  const change = async (grant: boolean) => {
    setBusy(true);
    const body: ConsentChange = { purpose: text.purpose, channel: null, granted: grant, legal_text: text.id, version: text.version, language: text.language, shown_sha256: sha256Hex(text.body) };
    try {
      const made = await ask<ConsentView>("/v1/consents", { method: "POST", body, idempotencyKey: newKey() });
      const before = consents.value;
      if (before) consents.value = { ...before, consents: [made, ...before.consents.filter((known) => known.purpose !== made.purpose || known.channel !== made.channel)] };
      toast(t(grant ? "consent.given" : "consent.withdrawn"));
    } catch (error) {
      failed(error);
      // Drawn anew from the record, so that the switch shows what is true.
      if (consents.value) consents.value = { ...consents.value };
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Switch key={String(granted)} label={text.title} help={text.body} checked={granted} disabled={busy} onChange={(grant) => void change(grant)} />
      <p class="small quiet">{t("consent.version", { id: text.id, version: String(text.version) })}</p>
    </>
  );
}

function sorted(texts: readonly LegalText[], language: string): LegalText[] {
  const rank = (text: LegalText) => {
    const at = ORDER.indexOf(text.purpose);
    return at < 0 ? ORDER.length : at;
  };
  const newest = new Map<string, LegalText>();
  for (const text of texts) {
    const known = newest.get(text.purpose);
    if (text.language === language && (!known || known.version < text.version)) newest.set(text.purpose, text);
  }
  return [...newest.values()].sort((a, b) => rank(a) - rank(b));
}
