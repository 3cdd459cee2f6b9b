//! Owns the tablet's pages, one per state of the node's view. "End" is always at the same place, at the right of the bar below.
//! Takes: the view. Emits: what staff press. On failure: says in words what does not work; a cut line hides what was shared.
import { LogOut, X } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { clock } from "../shared/format.ts";
import type { Scope, SharedField, StaffCard, TabletView } from "../shared/types.ts";
import { Button } from "../shared/ui/button.tsx";
import { Badge, Notice, SkeletonLines } from "../shared/ui/feedback.tsx";
import { Switch, TextField } from "../shared/ui/field.tsx";
import { locale } from "../shared/ui/locale.ts";
import { Qr } from "../shared/ui/qr.tsx";
import { SasSign, sasText } from "../shared/ui/sas.tsx";
import { type Failure, end, line, now, offer, read, seen, shared, signIn, signOut, view } from "./state.ts";
import { type TextKey, t } from "./texts.ts";

/** What there is to ask for; the names of others have no words here. */
const SCOPES = ["bookmarks", "wishlist", "sizes", "display_name"] as const satisfies readonly Scope[];
type Known = (typeof SCOPES)[number];
const isKnown = (scope: Scope): scope is Known => (SCOPES as readonly Scope[]).includes(scope);
const nameOf = (scope: Known) => t(`scope.${scope}`);

export function App() {
  const current = view.value;
  return (
    <main class="tablet" id="content">
      {line.value === "offline" ? <Notice tone="warning">{t("offline")}</Notice> : null}
      {line.value === "refused" ? <Notice tone="danger">{t("refused")}</Notice> : null}
      {current ? <Shown current={current} /> : line.value === "refused" ? null : <Loading />}
    </main>
  );
}

function Loading() {
  return (
    <section class="stage" aria-busy="true">
      <h1 class="sr">{t("loading")}</h1>
      <SkeletonLines widths={[40, 60, 50]} />
    </section>
  );
}

function Shown({ current }: { current: TabletView }) {
  switch (current.state) {
    case "locked":
      return <Locked firstName={current.first_name} />;
    case "ready":
      return <Ready by={current.staff} />;
    case "offered":
      return <Offered current={current} />;
    case "claimed":
      return <Claimed current={current} />;
    case "active":
      return <Active current={current} />;
    case "over":
      return current.handshake === seen.value ? <Ready by={current.staff} /> : <Over current={current} />;
  }
}

function Locked({ firstName }: { firstName: string | null }) {
  const [badge, setBadge] = useState("");
  const [pin, setPin] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const submit = async () => {
    setBusy(true);
    setFailure(await signIn({ badge: badge.trim(), pin }));
    setPin("");
    setBusy(false);
  };
  const words: TextKey | undefined = failure === undefined ? undefined : failure === "wrong_pin" ? "locked.wrong" : failure === "too_many_tries" ? "locked.wait" : "failed";
  return (
    <section class="stage narrow">
      <h1>{firstName === null ? t("locked.title") : t("locked.of", { name: firstName })}</h1>
      <p class="quiet">{t("locked.text")}</p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <TextField label={t("locked.badge")} value={badge} onInput={setBadge} maxLength={64} />
        <TextField label={t("locked.pin")} value={pin} onInput={setPin} inputMode="numeric" maxLength={12} code error={words ? t(words) : undefined} />
        <Button kind="primary" large wide submit busy={busy}>
          {t("locked.open")}
        </Button>
      </form>
    </section>
  );
}

function Below({ by, children }: { by?: StaffCard | undefined; children?: preact.ComponentChildren }) {
  return (
    <footer class="below">
      {by ? (
        <span class="who">
          <span class="initial" aria-hidden="true">
            {by.first_name.slice(0, 1)}
          </span>
          {by.first_name}
        </span>
      ) : null}
      <span class="push-end">{children}</span>
    </footer>
  );
}

function Ready({ by }: { by: StaffCard }) {
  const [wanted, setWanted] = useState<readonly Known[]>(["bookmarks", "wishlist"]);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const show = async () => {
    setBusy(true);
    setFailure(await offer({ wanted: [...wanted], reason: reason.trim() }));
    setBusy(false);
  };
  return (
    <>
      <section class="stage two">
        <div class="stack">
          <h1>{t("ready.title")}</h1>
          <p class="quiet">{t("ready.text")}</p>
          <TextField label={t("ready.reason")} help={t("ready.reason.help")} value={reason} onInput={setReason} maxLength={200} />
          {failure ? <Notice tone="danger">{t(failure === "no_relay" ? "ready.none" : "failed")}</Notice> : null}
          <Button kind="primary" large wide busy={busy} onPress={() => void show()}>
            {t("ready.offer")}
          </Button>
        </div>
        <fieldset class="stack">
          <legend class="strong">{t("ready.wanted")}</legend>
          {SCOPES.map((scope) => (
            <Switch key={scope} label={nameOf(scope)} checked={wanted.includes(scope)} onChange={(on) => setWanted(on ? [...wanted, scope] : wanted.filter((other) => other !== scope))} />
          ))}
        </fieldset>
      </section>
      <Below by={by}>
        <Button icon={LogOut} large onPress={() => void signOut()}>
          {t("end.shift")}
        </Button>
      </Below>
    </>
  );
}

function Offered({ current }: { current: Extract<TabletView, { state: "offered" }> }) {
  return (
    <>
      <section class="stage two center">
        <div class="stack">
          <p class="initial huge" aria-hidden="true">
            {current.staff.first_name.slice(0, 1)}
          </p>
          <h1>{t("offered.title")}</h1>
          <p class="lead">{t("offered.by", { name: current.staff.first_name })}</p>
          <p class="quiet">{t("offered.code")}</p>
          <p class="big-code num">{current.announced ? current.code : t("offered.wait")}</p>
        </div>
        <div class="qr-box">{current.announced && current.url ? <Qr text={current.url} label={t("offered.qr")} /> : <SkeletonLines widths={[80, 80, 80]} />}</div>
      </section>
      <Below>
        <Button icon={X} large onPress={() => void end(current.handshake)}>
          {t("cancel")}
        </Button>
      </Below>
    </>
  );
}

function Claimed({ current }: { current: Extract<TabletView, { state: "claimed" }> }) {
  const { sas } = current;
  const label = t("claimed.number", { number: sasText(sas), colour: t(`colour.${sas.colour}` as TextKey), shape: t(`shape.${sas.shape}` as TextKey) });
  return (
    <>
      <section class="stage center">
        <h1>{t("claimed.title")}</h1>
        <SasSign sas={sas} label={label} />
        <p class="lead">{t("claimed.text")}</p>
        <Badge>{t(`claimed.language.${current.language}`)}</Badge>
      </section>
      <Below>
        <Button icon={X} large onPress={() => void end(current.handshake)}>
          {t("cancel")}
        </Button>
      </Below>
    </>
  );
}

/** Whole minutes, drawn anew every second: a number that hurries makes people hurry. */
function useMinutes(until: string): number {
  const left = () => Math.max(0, Math.ceil((Date.parse(until) - now()) / 60_000));
  const [minutes, setMinutes] = useState(left);
  useEffect(() => {
    setMinutes(left());
    const timer = setInterval(() => setMinutes(left()), 1_000);
    return () => clearInterval(timer);
  }, [until]);
  return minutes;
}

function Active({ current }: { current: Extract<TabletView, { state: "active" }> }) {
  const minutes = useMinutes(current.until);
  const scopes = current.scopes.filter(isKnown);
  return (
    <>
      <section class="stage" aria-live="polite">
        <div class="row">
          <h1>{t("active.title")}</h1>
          <ul class="chips">
            {scopes.map((scope) => (
              <li key={scope}>
                <Badge tone="accent">{nameOf(scope)}</Badge>
              </li>
            ))}
          </ul>
        </div>
        {current.suspended ? (
          <Notice tone="warning">{t("active.suspended")}</Notice>
        ) : (
          <div class="sections">
            {scopes.map((scope) => (
              <SharedSection key={scope} scope={scope} />
            ))}
          </div>
        )}
        <p class="watermark" aria-hidden="true">
          {current.staff.staff}
        </p>
      </section>
      <Below by={current.staff}>
        <span class="left num">
          {t("active.until", { time: clock(current.until, locale.value) })}
          {" · "}
          {t("active.left", { count: minutes })}
        </span>
        <Button kind="danger" icon={X} large onPress={() => void end(current.handshake)}>
          {t("active.end")}
        </Button>
      </Below>
    </>
  );
}

function SharedSection({ scope }: { scope: Known }) {
  const section = shared.value.get(scope);
  return (
    <section class="card shared">
      <h2>{nameOf(scope)}</h2>
      {section === undefined || section.state === "loading" ? (
        <SkeletonLines widths={[70, 50]} />
      ) : section.state === "failed" ? (
        <>
          <p>{t("active.failed")}</p>
          <Button onPress={() => void read(scope)}>{t("active.again")}</Button>
        </>
      ) : section.fields.length === 0 ? (
        <p class="quiet">{t("active.empty")}</p>
      ) : (
        <ul class="fields">{section.fields.map((field) => <Field key={field.name} field={field} />)}</ul>
      )}
    </section>
  );
}

function Field({ field }: { field: SharedField }) {
  return <li>{field.value}</li>;
}

function Over({ current }: { current: Extract<TabletView, { state: "over" }> }) {
  return (
    <>
      <section class="stage center">
        <h1>{current.shared ? t("over.shared", { minutes: current.minutes }) : t("over.nothing")}</h1>
        <p class="lead">{t("over.text")}</p>
      </section>
      <Below by={current.staff}>
        <Button
          kind="primary"
          large
          onPress={() => {
            seen.value = current.handshake;
          }}
        >
          {t("over.done")}
        </Button>
      </Below>
    </>
  );
}
