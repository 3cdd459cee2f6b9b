//! Owns editing an offer: the form beside true previews, who would get it and why not, publish and withdraw.
//! Takes: the offer's id, or none for a new one. Emits: drafts, publications.
//! On failure: each fault stands at its field; what was typed is never lost by an answer.
import { ArrowLeft, Send, Undo2 } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask, newKey } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import type { Campaigns, Catalogue, FieldError, OfferDraft, OfferPreview, OfferView, StoreLive, Stores } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Badge, Empty, Notice, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { Icon } from "../../shared/ui/icon.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { go } from "../../shared/ui/route.ts";
import { toast } from "../../shared/ui/toast.tsx";
import { type Form, emptyForm, gaps, toDraft, toForm } from "../draft.ts";
import { Failed, Head } from "../parts/head.tsx";
import { OfferForm } from "../parts/offer_form.tsx";
import { OfferPreviews } from "../parts/offer_previews.tsx";
import { t } from "../texts.ts";
import { OFFER_STATES, local } from "../words.ts";

/** A pause in typing, after which the server is asked what would happen. */
const SETTLE_MS = 450;

interface Lists {
  readonly campaigns: Campaigns;
  readonly catalogue: Catalogue;
  readonly stores: Stores;
  readonly zones: readonly { readonly zone: string; readonly name: string }[];
}

async function loadLists(): Promise<Lists> {
  const [campaigns, catalogue, stores] = await Promise.all([ask<Campaigns>("/v1/campaigns"), ask<Catalogue>("/v1/catalogue"), ask<Stores>("/v1/stores")]);
  const first = stores.stores[0];
  const live = first ? await ask<StoreLive>(`/v1/stores/${encodeURIComponent(first.store)}/live`) : undefined;
  return { campaigns, catalogue, stores, zones: live?.profile.zones.map((zone) => ({ zone: zone.zone, name: local(zone.name) })) ?? [] };
}

export function OfferEditorPage({ offer }: { offer: string | undefined }) {
  const lists = useLoaded(loadLists, []);
  const view = useLoaded<OfferView | undefined>(() => (offer === undefined ? Promise.resolve(undefined) : ask<OfferView>(`/v1/offers/${encodeURIComponent(offer)}`)), [offer]);
  const error = lists.error ?? view.error;
  if (error) {
    const gone = error.status === 404;
    return (
      <div class="page">
        <Head title={t("offers.edit")} />
        {gone ? (
          <Empty art={scenicUrl("error")} title={t("offers.gone")} action={<Button href="/console/offers">{t("offers.back")}</Button>} />
        ) : (
          <Failed
            error={error}
            again={() => {
              lists.again();
              view.again();
            }}
          />
        )}
      </div>
    );
  }
  if (!lists.data || (offer !== undefined && !view.data)) {
    return (
      <div class="page" aria-busy="true">
        <Head title={t(offer === undefined ? "offers.new" : "offers.edit")} />
        <div class="editor">
          <SkeletonBox height="40rem" />
          <SkeletonBox height="30rem" />
        </div>
      </div>
    );
  }
  return <Editor lists={lists.data} known={view.data} onChange={view.set} />;
}

type Busy = "save" | "publish" | "withdraw" | undefined;

function Editor({ lists, known, onChange }: { lists: Lists; known: OfferView | undefined; onChange: (view: OfferView) => void }) {
  const [form, setForm] = useState<Form>(() => (known ? toForm(known.draft) : emptyForm(Date.now(), lists.campaigns.campaigns[0]?.campaign ?? "")));
  const [preview, setPreview] = useState<OfferPreview>();
  const [faults, setFaults] = useState<readonly FieldError[]>([]);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState<Busy>();
  // One key per new offer: a save that was repeated after a lost answer does not make a second one.
  const [key] = useState(newKey);
  const draft = toDraft(form);
  const text = draft ? JSON.stringify(draft) : "";

  useEffect(() => {
    if (text === "") return;
    let current = true;
    const timer = setTimeout(() => {
      ask<OfferPreview>("/v1/offers/preview", { method: "POST", body: JSON.parse(text) as OfferDraft }).then(
        (answer) => {
          if (!current) return;
          setPreview(answer);
          setFaults(answer.errors);
        },
        (error: unknown) => {
          if (!(error instanceof ApiError)) throw error;
          if (current) setFaults(faultsOf(error));
        },
      );
    }, SETTLE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);

  const save = async (): Promise<OfferView | undefined> => {
    setTried(true);
    if (!draft || gaps(form).length > 0) {
      toast(t("offers.incomplete"));
      return undefined;
    }
    return known ? await ask<OfferView>(`/v1/offers/${encodeURIComponent(known.offer)}`, { method: "PUT", body: draft }) : await ask<OfferView>("/v1/offers", { method: "POST", body: draft, idempotencyKey: key });
  };
  const run = async (what: Busy, work: () => Promise<void>) => {
    setBusy(what);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFaults(faultsOf(error));
      toast(error.failure.kind === "offline" ? t("unreachable.text") : error.status < 500 ? t("offers.refused") : t("error.text", { reference: error.failure.problem.instance ?? "–" }));
    } finally {
      setBusy(undefined);
    }
  };
  const settle = (view: OfferView) => {
    if (known) onChange(view);
    else go(`/console/offers/${encodeURIComponent(view.offer)}`, { replace: true });
  };
  const publish = () =>
    run("publish", async () => {
      const saved = await save();
      if (!saved) return;
      const view = await ask<OfferView>(`/v1/offers/${encodeURIComponent(saved.offer)}/publish`, { method: "POST", idempotencyKey: newKey() });
      settle(view);
      toast(t("offers.published"));
    });
  const withdraw = () =>
    run("withdraw", async () => {
      if (!known) return;
      onChange(await ask<OfferView>(`/v1/offers/${encodeURIComponent(known.offer)}/withdraw`, { method: "POST", idempotencyKey: newKey() }));
      toast(t("offers.withdrawn"), { label: t("offers.publish_again"), run: () => void publish() });
    });
  const state = known ? OFFER_STATES[known.state] : undefined;

  return (
    <div class="page">
      <a class="back" href="/console/offers">
        <Icon node={ArrowLeft} />
        {t("nav.offers")}
      </a>
      <Head title={form.product ? local(form.product.name) : t("offers.new")}>
        {state ? (
          <Badge tone={state.tone} dot>
            {t(state.key)}
          </Badge>
        ) : null}
        <div class="push row">
          {known?.state === "published" ? (
            <Button kind="danger" icon={Undo2} busy={busy === "withdraw"} onPress={() => void withdraw()}>
              {t("offers.withdraw")}
            </Button>
          ) : null}
          <Button
            busy={busy === "save"}
            onPress={() =>
              void run("save", async () => {
                const saved = await save();
                if (!saved) return;
                settle(saved);
                toast(t("offers.saved"));
              })
            }
          >
            {t("offers.save")}
          </Button>
          <Button kind="primary" icon={Send} busy={busy === "publish"} onPress={() => void publish()}>
            {t("offers.publish")}
          </Button>
        </div>
      </Head>
      {faults.length > 0 ? (
        <Notice tone="warning" title={t("offers.check", { count: faults.length })}>
          <ul class="bullets">
            {faults.map((fault) => (
              <li key={fault.field + fault.reason}>
                <span class="mono">{fault.field}</span> {fault.reason}
              </li>
            ))}
          </ul>
        </Notice>
      ) : null}
      <div class="editor">
        <OfferForm form={form} onChange={setForm} campaigns={lists.campaigns.campaigns} products={lists.catalogue.products} stores={lists.stores.stores} zones={lists.zones} faults={faults} gaps={tried ? gaps(form) : []} sentence={preview?.rule_sentence} />
        <OfferPreviews form={form} preview={preview} complete={draft !== undefined} />
      </div>
    </div>
  );
}

function faultsOf(error: ApiError): readonly FieldError[] {
  if (error.failure.kind === "offline") return [];
  const { errors, field, detail, title } = error.failure.problem;
  if (errors && errors.length > 0) return errors;
  return field ? [{ field, reason: detail ?? title ?? "" }] : [];
}
