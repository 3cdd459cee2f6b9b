//! Owns the frame of the shop: which page shows, the bar below, notices above, focus after a change of page.
import { Bookmark, House, ScanLine, User, X } from "lucide";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, newKey } from "../shared/api.ts";
import { scenicUrl } from "../shared/art.ts";
import { focusHeading } from "../shared/a11y.ts";
import { clock } from "../shared/format.ts";
import { pick } from "../shared/i18n.ts";
import { Button, IconButton } from "../shared/ui/button.tsx";
import { Empty, SkeletonBox, SkeletonLines } from "../shared/ui/feedback.tsx";
import { Icon } from "../shared/ui/icon.tsx";
import { locale } from "../shared/ui/locale.ts";
import { go, place } from "../shared/ui/route.ts";
import { Toasts } from "../shared/ui/toast.tsx";
import { BookmarksPage } from "./pages/bookmarks.tsx";
import { CheckInPage } from "./pages/check_in.tsx";
import { ConsentPage } from "./pages/consent.tsx";
import { DialoguePage } from "./pages/dialogue.tsx";
import { HomePage } from "./pages/home.tsx";
import { MePage } from "./pages/me.tsx";
import { ScanPage } from "./pages/scan.tsx";
import { SignInPage } from "./pages/sign_in.tsx";
import { TapPage } from "./pages/tap.tsx";
import { Celebration } from "./parts/celebration.tsx";
import { bookmarks, freshAt, handshake, line, push, session, start } from "./state.ts";
import { t } from "./texts.ts";

export function App() {
  const { path } = place.value;
  useEffect(() => focusHeading(), [path]);
  const current = session.value;
  return (
    <>
      <a class="skip" href="#content">
        {t("skip")}
      </a>
      {current.state === "in" && line.value === "offline" ? (
        <p class="line-state" role="status">
          {freshAt.value === undefined ? t("offline.plain") : t("offline.since", { time: clock(freshAt.value, locale.value) })}
        </p>
      ) : null}
      {current.state === "in" ? <Sharing path={path} /> : null}
      <main id="content" tabIndex={-1}>
        <Page path={path} />
      </main>
      {current.state === "in" && !current.me.new ? <Bar path={path} /> : null}
      <Push />
      <Celebration />
      <Toasts />
    </>
  );
}

function Page({ path }: { path: string }) {
  const current = session.value;
  switch (current.state) {
    case "unknown":
      return <Waiting />;
    case "unreachable":
      return <Unreachable reference={current.fault?.instance} />;
    case "out":
      return <SignInPage />;
    case "in":
      if (current.me.new) return <ConsentPage first />;
      break;
  }
  const [first, second] = path.split("/").filter((part) => part !== "");
  switch (first) {
    case "c":
      return <CheckInPage code={place.value.query.get("c") ?? ""} nfc={place.value.query.get("m") === "nfc"} />;
    case "t":
      return <TapPage code={place.value.query.get("c") ?? ""} />;
    case "scan":
      return <ScanPage />;
    case "bookmarks":
      return <BookmarksPage />;
    case "dialogue":
      return <DialoguePage dialogue={second ?? ""} />;
    case "h":
      return <Handshake handshake={second ?? ""} />;
    case "me":
      return place.value.query.get("view") === "consent" ? <ConsentPage /> : <MePage />;
    default:
      return <HomePage />;
  }
}

/** Fetched when somebody first needs it: most visits go without advice. */
function Handshake({ handshake: id }: { handshake: string }) {
  const [Shown, setShown] = useState<ComponentType<{ handshake: string }>>();
  useEffect(() => void import("./pages/handshake.tsx").then((loaded) => setShown(() => loaded.default)), []);
  return Shown ? <Shown handshake={id} /> : <Waiting />;
}

/** Whoever shares sees so on every page, and is one touch from the end of it. */
function Sharing({ path }: { path: string }) {
  const shared = handshake.value;
  if (shared?.state !== "active" || path === `/h/${shared.handshake}`) return null;
  return (
    <a class="sharing" href={`/h/${shared.handshake}`}>
      {t("handshake.active", { name: shared.staff.first_name })}
      {shared.until ? <span class="num">{t("handshake.until", { time: clock(shared.until, locale.value) })}</span> : null}
    </a>
  );
}

function Waiting() {
  return (
    <div class="page" aria-busy="true">
      <h1 class="sr">{t("loading")}</h1>
      <div class="page-head">
        <SkeletonLines widths={[55]} />
      </div>
      <SkeletonBox height="9rem" />
      <SkeletonBox height="15rem" />
    </div>
  );
}

function Unreachable({ reference }: { reference: string | undefined }) {
  return (
    <div class="page">
      <Empty page art={scenicUrl(reference === undefined ? "offline" : "error")} title={reference === undefined ? t("unreachable.title") : t("error.title")} action={<Button kind="primary" onPress={() => void start()}>{t("again")}</Button>}>
        {reference === undefined ? t("unreachable.text") : t("error.text", { reference })}
      </Empty>
    </div>
  );
}

function Bar({ path }: { path: string }) {
  const marked = bookmarks.value?.length ?? 0;
  const items = [
    { href: "/", icon: House, label: t("bar.home"), here: path === "/" || path.startsWith("/dialogue"), count: 0 },
    { href: "/scan", icon: ScanLine, label: t("bar.scan"), here: path === "/scan" || path === "/c", count: 0 },
    { href: "/bookmarks", icon: Bookmark, label: t("bar.bookmarks"), here: path === "/bookmarks", count: marked },
    { href: "/me", icon: User, label: t("bar.me"), here: path === "/me", count: 0 },
  ];
  return (
    <nav class="bar" aria-label={t("bar.label")}>
      {items.map((item) => (
        <a key={item.href} href={item.href} aria-current={item.here ? "page" : undefined}>
          <span class="bar-icon">
            <Icon node={item.icon} />
            {item.count > 0 ? <span class="bar-count num">{item.count}</span> : null}
          </span>
          <span>{item.label}</span>
        </a>
      ))}
    </nav>
  );
}

/** A message that the gate let interrupt; only while the app is open, gone with one press. */
function Push() {
  const message = push.value;
  if (!message) return null;
  const close = (outcome: "opened" | "dismissed") => {
    push.value = undefined;
    ask(`/v1/me/pushes/${encodeURIComponent(message.candidate)}/outcomes`, { method: "POST", body: { outcome }, idempotencyKey: newKey() }).catch(() => undefined);
    if (outcome === "opened") go("/");
  };
  return (
    <div class="push" role="status">
      <button type="button" class="push-body" onClick={() => close("opened")}>
        <strong>{pick(message.title, locale.value)}</strong>
        <span>{pick(message.body, locale.value)}</span>
      </button>
      <IconButton icon={X} label={t("close")} onPress={() => close("dismissed")} />
    </div>
  );
}
