//! Owns home: its parts in the order that the present context asks for.
import { DoorOpen, LogOut, ReceiptText, ScanLine } from "lucide";
import { scenicUrl } from "../../shared/art.ts";
import { clock } from "../../shared/format.ts";
import type { ContextClass, HomeElement } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { Icon } from "../../shared/ui/icon.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { OfferCard } from "../parts/card.tsx";
import { Head } from "../parts/header.tsx";
import { arrived, bookmarks, cards, checkOut, home, visit } from "../state.ts";
import { type TextKey, t } from "../texts.ts";
import { BookmarkRow } from "./bookmarks.tsx";

const TITLES: Readonly<Record<ContextClass, TextKey>> = {
  home: "home.title.home",
  transit: "home.title.home",
  near_store: "home.title.near_store",
  in_store: "home.title.in_store",
  at_till: "home.title.at_till",
  post_visit: "home.title.post_visit",
};
/** The few that stand on home; all are on their own page. */
const BOOKMARKS_SHOWN = 3;

export function HomePage() {
  const open = visit.value;
  const shown = home.value;
  return (
    <div class="page">
      {open ? <Head title={open.store_name} above={t("home.since", { time: clock(open.opened_at, locale.value) })} /> : <Head title={t(shown ? TITLES[shown.context] : "home.title.home")} />}
      {shown && arrived.value ? shown.elements.map((element) => <Part key={element} element={element} />) : [<SkeletonBox key="a" height="6rem" />, <SkeletonBox key="b" height="14rem" />]}
    </div>
  );
}

function Part({ element }: { element: HomeElement }) {
  const open = visit.value;
  switch (element) {
    case "scanner":
      return (
        <a class="tile accent" href="/scan">
          <Icon node={ScanLine} />
          <span>
            <strong>{t("home.scan")}</strong>
            <span>{t("home.scan_text")}</span>
          </span>
        </a>
      );
    case "check_in":
      return open ? null : (
        <section class="hero">
          <img src={scenicUrl("door")} alt="" width="120" height="120" />
          <div class="stack-2">
            <h2>{t("home.check_in")}</h2>
            <p>{t("home.check_in_text")}</p>
            <div>
              <Button kind="primary" icon={DoorOpen} href="/scan">
                {t("home.check_in_go")}
              </Button>
            </div>
          </div>
        </section>
      );
    case "check_out":
      return open ? (
        <div class="center">
          <Button icon={LogOut} onPress={() => void checkOut(open)}>
            {t("home.check_out")}
          </Button>
        </div>
      ) : null;
    case "receipt":
      return (
        <a class="tile" href="/me">
          <Icon node={ReceiptText} />
          <span>
            <strong>{t("home.receipt")}</strong>
            <span>{t("home.receipt_text")}</span>
          </span>
        </a>
      );
    case "offers":
      return <Offers title={t("home.offers")} />;
    case "inspiration":
      return <Offers title={t("home.inspiration")} rail />;
    case "bookmarks":
      return <Marked />;
  }
}

function Offers({ title, rail = false }: { title: string; rail?: boolean }) {
  const feed = cards.value;
  return (
    <section class="stack" aria-label={title} aria-live="polite">
      <h2>{title}</h2>
      {feed === undefined ? (
        <SkeletonBox height="9rem" />
      ) : feed.length === 0 ? (
        <Empty art={scenicUrl("empty-offers")} title={t("home.none")}>
          {t(visit.value ? "home.none_visit" : "home.none_text")}
        </Empty>
      ) : (
        <div class={rail ? "rail" : "offers"}>
          {feed.map((card) => (
            <OfferCard key={card.card} card={card} />
          ))}
        </div>
      )}
    </section>
  );
}

function Marked() {
  const list = bookmarks.value;
  if (!list || list.length === 0) return null;
  return (
    <section class="stack">
      <div class="row">
        <h2>{t("home.bookmarks")}</h2>
        <a class="push-end" href="/bookmarks">
          {t("home.all", { count: list.length })}
        </a>
      </div>
      <ul class="rows">
        {list.slice(0, BOOKMARKS_SHOWN).map((bookmark) => (
          <BookmarkRow key={bookmark.offer} bookmark={bookmark} />
        ))}
      </ul>
    </section>
  );
}
