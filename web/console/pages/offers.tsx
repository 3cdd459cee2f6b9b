//! Owns the list of offers: what runs where, how often it was seen today.
import { Plus } from "lucide";
import { useEffect } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { ART_HUES, artName, artUrl, scenicUrl } from "../../shared/art.ts";
import { count, dayAndClock, days, money } from "../../shared/format.ts";
import type { OfferView, Offers } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Badge, Empty } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { go } from "../../shared/ui/route.ts";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Failed, Head } from "../parts/head.tsx";
import { changedOffer, resyncs } from "../state.ts";
import { t } from "../texts.ts";
import { OFFER_STATES, SURFACES, local } from "../words.ts";

export function OffersPage() {
  const { data, error, again, set } = useLoaded(() => ask<Offers>("/v1/offers"), [resyncs.value]);
  const changed = changedOffer.value;
  useEffect(() => {
    if (!changed || !data) return;
    const known = data.offers.some((offer) => offer.offer === changed.offer);
    set({ offers: known ? data.offers.map((offer) => (offer.offer === changed.offer ? changed : offer)) : [changed, ...data.offers] });
  }, [changed]);
  const columns: Column<OfferView>[] = [
    {
      key: "product",
      head: t("offers.product"),
      cell: ({ draft }) => (
        <span class="product-cell">
          <span class="thumb" style={{ "--hue": String(ART_HUES[artName(draft.product.image)]) }}>
            <img src={artUrl(draft.product.image)} alt="" width="36" height="36" />
          </span>
          <strong>{local(draft.product.name)}</strong>
        </span>
      ),
      sort: ({ draft }) => local(draft.product.name),
    },
    {
      key: "state",
      head: t("offers.state"),
      cell: (offer) => (
        <Badge tone={OFFER_STATES[offer.state].tone} dot>
          {t(OFFER_STATES[offer.state].key)}
        </Badge>
      ),
      sort: (offer) => offer.state,
    },
    { key: "price", head: t("offers.price"), cell: ({ draft }) => money(draft.price, locale.value), sort: ({ draft }) => draft.price.minor, end: true },
    { key: "runs", head: t("offers.runs"), cell: ({ draft }) => <span class="num nowrap" title={t("offers.span", { from: dayAndClock(draft.from, locale.value), to: dayAndClock(draft.to, locale.value) })}>{days(draft.from, draft.to, locale.value)}</span>, sort: ({ draft }) => draft.to },
    { key: "surfaces", head: t("offers.surfaces"), cell: ({ draft }) => draft.target.surfaces.map((surface) => t(SURFACES[surface])).join(", ") },
    { key: "cards", head: t("offers.cards"), cell: (offer) => count(offer.cards_today, locale.value), sort: (offer) => offer.cards_today, end: true },
    { key: "plays", head: t("offers.plays"), cell: (offer) => count(offer.plays_today, locale.value), sort: (offer) => offer.plays_today, end: true },
  ];
  const add = (
    <Button kind="primary" icon={Plus} href="/console/offers/new">
      {t("offers.new")}
    </Button>
  );
  return (
    <div class="page">
      <Head title={t("nav.offers")}>
        <span class="push">{add}</span>
      </Head>
      {error ? <Failed error={error} again={again} /> : null}
      <section class="card flush">
        <Table
          caption={t("nav.offers")}
          columns={columns}
          rows={error && !data ? [] : data?.offers}
          rowKey={(offer) => offer.offer}
          onOpen={(offer) => go(`/console/offers/${encodeURIComponent(offer.offer)}`)}
          empty={
            error ? null : (
              <Empty art={scenicUrl("empty-offers")} title={t("offers.none")} action={add}>
                {t("offers.none_text")}
              </Empty>
            )
          }
        />
      </section>
    </div>
  );
}
