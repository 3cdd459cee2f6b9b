//! Owns the marked offers: a list to take things off again, with undo.
import { Trash2 } from "lucide";
import { ART_HUES, artName, artUrl, scenicUrl } from "../../shared/art.ts";
import { day } from "../../shared/format.ts";
import { pick } from "../../shared/i18n.ts";
import type { Bookmark } from "../../shared/types.ts";
import { Button, IconButton } from "../../shared/ui/button.tsx";
import { Empty, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { Price } from "../parts/card.tsx";
import { Head } from "../parts/header.tsx";
import { bookmarks, setBookmark } from "../state.ts";
import { t } from "../texts.ts";

export function BookmarksPage() {
  const list = bookmarks.value;
  return (
    <div class="page">
      <Head title={t("bookmarks.title")} />
      {list === undefined ? (
        <SkeletonBox height="12rem" />
      ) : list.length === 0 ? (
        <Empty art={scenicUrl("empty-bookmarks")} title={t("bookmarks.none")} action={<Button href="/">{t("bookmarks.go")}</Button>}>
          {t("bookmarks.none_text")}
        </Empty>
      ) : (
        <ul class="rows">
          {list.map((bookmark) => (
            <BookmarkRow key={bookmark.offer} bookmark={bookmark} />
          ))}
        </ul>
      )}
    </div>
  );
}

export function BookmarkRow({ bookmark }: { bookmark: Bookmark }) {
  const name = pick(bookmark.product.name, locale.value);
  return (
    <li class="mark-row" style={{ "--hue": String(ART_HUES[artName(bookmark.product.image)]) }}>
      <span class="mark-art">
        <img src={artUrl(bookmark.product.image)} alt="" width="56" height="56" loading="lazy" />
      </span>
      <div>
        <p class="strong">{name}</p>
        <p class="small quiet">{t("bookmarks.until", { time: day(bookmark.until, locale.value) })}</p>
      </div>
      <Price price={bookmark.price} was={bookmark.was} />
      <IconButton icon={Trash2} label={t("card.unkeep", { name })} onPress={() => void setBookmark(bookmark.offer, false)} />
    </li>
  );
}
