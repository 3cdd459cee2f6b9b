//! Owns the frame of the console: navigation by task, which page shows, the line's state, focus after a change.
import { Activity, LogOut, Megaphone, MessageCircleQuestionMark, Moon, Send, Server, Sun } from "lucide";
import { useEffect } from "preact/hooks";
import { focusHeading } from "../shared/a11y.ts";
import { scenicUrl } from "../shared/art.ts";
import { clock } from "../shared/format.ts";
import { Button, IconButton } from "../shared/ui/button.tsx";
import { Badge, Empty, SkeletonBox } from "../shared/ui/feedback.tsx";
import { Choices } from "../shared/ui/field.tsx";
import { Icon, type IconNode } from "../shared/ui/icon.tsx";
import { locale } from "../shared/ui/locale.ts";
import { place } from "../shared/ui/route.ts";
import { setTheme, theme } from "../shared/ui/theme.ts";
import { Toasts } from "../shared/ui/toast.tsx";
import { DecisionsPage } from "./pages/decisions.tsx";
import { FleetPage } from "./pages/fleet.tsx";
import { LivePage } from "./pages/live.tsx";
import { OfferEditorPage } from "./pages/offer_editor.tsx";
import { OffersPage } from "./pages/offers.tsx";
import { RolloutsPage } from "./pages/rollouts.tsx";
import { SignInPage } from "./pages/sign_in.tsx";
import { chooseLanguage, freshAt, line, session, signOut, start } from "./state.ts";
import { type TextKey, t } from "./texts.ts";

const TASKS: readonly { href: string; icon: IconNode; key: TextKey }[] = [
  { href: "/console", icon: Activity, key: "nav.live" },
  { href: "/console/offers", icon: Megaphone, key: "nav.offers" },
  { href: "/console/decisions", icon: MessageCircleQuestionMark, key: "nav.decisions" },
  { href: "/console/rollouts", icon: Send, key: "nav.rollouts" },
  { href: "/console/fleet", icon: Server, key: "nav.fleet" },
];

export function App() {
  const current = session.value;
  switch (current.state) {
    case "unknown":
      return (
        <div class="lone" aria-busy="true">
          <h1 class="sr">{t("loading")}</h1>
          <SkeletonBox height="20rem" />
        </div>
      );
    case "out":
      return <SignInPage />;
    case "customer":
      return (
        <main class="lone">
          <Empty page art={scenicUrl("door")} title={t("denied.title")} action={<Button onPress={() => void signOut()}>{t("sign_out")}</Button>}>
            {t("denied.text")}
          </Empty>
        </main>
      );
    case "unreachable":
      return (
        <main class="lone">
          <Empty page art={scenicUrl(current.fault ? "error" : "offline")} title={t(current.fault ? "error.title" : "unreachable.title")} action={<Button kind="primary" onPress={() => void start()}>{t("again")}</Button>}>
            {current.fault ? t("error.text", { reference: current.fault.instance ?? "–" }) : t("unreachable.text")}
          </Empty>
        </main>
      );
    case "in":
      return <Desk />;
  }
}

function Desk() {
  const { path } = place.value;
  useEffect(() => focusHeading(), [path]);
  const dark = theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  const here = (href: string) => (href === "/console" ? path === href || path.startsWith("/console/live") : path.startsWith(href));
  return (
    <div class="desk">
      <a class="skip" href="#content">
        {t("skip")}
      </a>
      <nav class="side" aria-label={t("nav.label")}>
        <a class="side-brand" href="/console">
          <img src="/assets/art/icon.svg" alt="" width="28" height="28" />
          <strong>{t("brand")}</strong>
        </a>
        <ul>
          {TASKS.map((task) => (
            <li key={task.href}>
              <a href={task.href} aria-current={here(task.href) ? "page" : undefined}>
                <Icon node={task.icon} />
                <span>{t(task.key)}</span>
              </a>
            </li>
          ))}
        </ul>
        <div class="side-foot">
          <Badge tone={line.value === "live" ? "success" : line.value === "connecting" ? "neutral" : "warning"} dot>
            {line.value === "offline" ? (freshAt.value === undefined ? t("line.offline") : t("line.since", { time: clock(freshAt.value, locale.value) })) : t(line.value === "live" ? "line.live" : "line.connecting")}
          </Badge>
          <Choices
            label={t("language")}
            value={locale.value}
            options={[
              { value: "de", label: t("language.de") },
              { value: "en", label: t("language.en") },
            ]}
            onChange={chooseLanguage}
          />
          <div class="row">
            <IconButton icon={dark ? Sun : Moon} label={t(dark ? "theme.light" : "theme.dark")} onPress={() => setTheme(dark ? "light" : "dark")} />
            <IconButton icon={LogOut} label={t("sign_out")} onPress={() => void signOut()} />
          </div>
        </div>
      </nav>
      <main id="content" tabIndex={-1}>
        <Page path={path} />
      </main>
      <Toasts />
    </div>
  );
}

function Page({ path }: { path: string }) {
  const [, task, name] = path.split("/").filter((part) => part !== "");
  switch (task) {
    case "offers":
      return name === undefined ? <OffersPage /> : <OfferEditorPage key={name} offer={name === "new" ? undefined : name} />;
    case "decisions":
      return <DecisionsPage />;
    case "rollouts":
      return <RolloutsPage />;
    case "fleet":
      return <FleetPage />;
    default:
      return <LivePage store={task === "live" ? name : undefined} />;
  }
}
