//! Owns the offer card: product, price, the reason in words, keep and dismiss.
import { Bookmark, BookmarkCheck, EllipsisVertical, Sparkles } from "lucide";
import { useState } from "preact/hooks";
import { ART_HUES, artName, artUrl } from "../../shared/art.ts";
import { dayAndClock, money } from "../../shared/format.ts";
import { pick } from "../../shared/i18n.ts";
import type { Card, Money } from "../../shared/types.ts";
import { Button, IconButton } from "../../shared/ui/button.tsx";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { Icon } from "../../shared/ui/icon.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { dismiss, setBookmark, tellOpened } from "../state.ts";
import { type TextKey, t } from "../texts.ts";

/** Reason codes of the ranking, as a customer would say it. An unknown code says nothing rather than something wrong. */
const REASONS: Readonly<Record<string, TextKey>> = { often_buys: "why.often_buys", popular_here: "why.popular_here", new_for_you: "why.new_for_you", wish: "why.wish" };

export function Price({ price, was, large = false }: { price: Money; was: Money | null; large?: boolean }) {
  return (
    <p class={large ? "price large" : "price"}>
      <strong>{money(price, locale.value)}</strong>
      {was ? (
        <>
          <span class="sr">{t("price.was")}</span>
          <s>{money(was, locale.value)}</s>
        </>
      ) : null}
    </p>
  );
}

export function OfferCard({ card }: { card: Card }) {
  const [open, setOpen] = useState(false);
  const language = locale.value;
  const reasons = card.why.map((code) => REASONS[code]).filter((key) => key !== undefined);
  const name = pick(card.product.name, language);
  const image = card.content.image ?? card.product.image;
  const close = (outcome: "dismissed" | "not_interesting") => {
    setOpen(false);
    dismiss(card, outcome);
  };
  return (
    <article class="offer" style={{ "--hue": String(ART_HUES[artName(image)]) }}>
      <div class="offer-art">
        <img src={artUrl(image)} alt="" width="240" height="240" loading="lazy" />
      </div>
      <div class="offer-body">
        {reasons[0] ? (
          <p class="offer-why">
            <Icon node={Sparkles} />
            {t(reasons[0])}
          </p>
        ) : null}
        <h3>{name}</h3>
        <p class="small quiet">{pick(card.content.line, language) || pick(card.content.headline, language)}</p>
        <Price price={card.price} was={card.was} />
      </div>
      <div class="offer-actions">
        <IconButton icon={card.bookmarked ? BookmarkCheck : Bookmark} label={t(card.bookmarked ? "card.unkeep" : "card.keep", { name })} pressed={card.bookmarked} onPress={() => void setBookmark(card.offer, !card.bookmarked)} />
        <IconButton
          icon={EllipsisVertical}
          label={t("card.more", { name })}
          onPress={() => {
            setOpen(true);
            tellOpened(card);
          }}
        />
      </div>
      {open ? (
        <Dialog title={name} closeLabel={t("close")} onClose={() => setOpen(false)}>
          <div class="stack">
            <p class="small quiet">{t("card.until", { time: dayAndClock(card.until, language) })}</p>
            {reasons.length > 0 ? (
              <div>
                <h3>{t("card.why_title")}</h3>
                <ul class="bullets">
                  {reasons.map((key) => (
                    <li key={key}>{t(key)}</li>
                  ))}
                </ul>
              </div>
            ) : null}
            <div class="stack-2">
              <Button wide onPress={() => close("dismissed")}>
                {t("card.dismiss")}
              </Button>
              <Button wide onPress={() => close("not_interesting")}>
                {t("card.not_interesting")}
              </Button>
            </div>
          </div>
        </Dialog>
      ) : null}
    </article>
  );
}
