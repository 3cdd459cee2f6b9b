//! Owns the customer's side of a digital handshake: who offers, the code, the number, what is shared, the end, the receipt.
//! Takes: the offer of the address and the code behind the hash, which no server sees. Emits: claim, grant, denial, revocation.
//! On failure: says what happened in words; nothing is shared unless the page says that it is.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask, clockSkewMs, newKey } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { clock } from "../../shared/format.ts";
import { sha256Hex } from "../../shared/sha256.ts";
import type { HandshakeClaim, HandshakeClaimed, HandshakeFacts, HandshakeGrant, HandshakeReceipt, LegalText, LegalTexts, Sas, Scope } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty, Notice, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { Choices, Switch, TextField } from "../../shared/ui/field.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { SasSign, sasText } from "../../shared/ui/sas.tsx";
import { newNonce, sasOf } from "../sas.ts";
import { look, share } from "../sharing.ts";
import { failed, handshake as told } from "../state.ts";
import { type TextKey, t } from "../texts.ts";

const WORDS = ["display_name", "bookmarks", "wishlist", "sizes"] as const;
type Known = (typeof WORDS)[number];
const isKnown = (scope: Scope): scope is Known => (WORDS as readonly Scope[]).includes(scope);
/** The store waits 60 s for an answer; the warning comes 20 s before. */
const WARN_MS = 40_000;
/** One sign of life per so long is enough. */
const ATTEND_MS = 5_000;

type Step = { readonly at: "who" } | { readonly at: "number"; readonly sas: Sas } | { readonly at: "consent" } | { readonly at: "end"; readonly key: TextKey };

export default function HandshakePage({ handshake }: { handshake: string }) {
  const path = `/v1/handshakes/${encodeURIComponent(handshake)}`;
  const facts = useLoaded(async () => {
    const { offer, own } = await look(path);
    if (own) know(own);
    return offer;
  }, [handshake]);
  const [step, setStep] = useState<Step>({ at: "who" });
  const receipt = told.value?.handshake === handshake ? told.value : undefined;
  if (facts.error) {
    const away = facts.error.failure.kind === "offline";
    return (
      <div class="page">
        <Empty page art={scenicUrl(away ? "offline" : "error")} title={t(away ? "unreachable.title" : "handshake.gone")} action={away ? <Button onPress={facts.again}>{t("again")}</Button> : <Button href="/">{t("bookmarks.go")}</Button>}>
          {t(away ? "offline.try" : "handshake.gone.text")}
        </Empty>
      </div>
    );
  }
  if (!facts.data) {
    return (
      <div class="page" aria-busy="true">
        <h1 class="sr">{t("loading")}</h1>
        <SkeletonBox height="18rem" />
      </div>
    );
  }
  const offer = facts.data;
  if (receipt && (receipt.state === "active" || receipt.granted_at !== null)) return <Shared receipt={receipt} path={path} />;
  if (step.at === "end") return <End words={t(step.key)} />;
  if (step.at === "who" && offer.state === "over") return <End words={t("handshake.lapsed")} />;
  return (
    <div class="page">
      <Who offer={offer} />
      {step.at === "who" ? <Connect offer={offer} path={path} next={setStep} /> : null}
      {step.at === "number" ? <Compare sas={step.sas} path={path} next={setStep} /> : null}
      {step.at === "consent" ? <Consent offer={offer} path={path} next={setStep} /> : null}
    </div>
  );
}

/** What is over stays over: an answer may be older than what the stream told. */
function know(own: HandshakeReceipt): void {
  if (told.value?.handshake !== own.handshake || told.value.state !== "over") told.value = own;
}

function Who({ offer }: { offer: HandshakeFacts }) {
  const name = offer.staff.first_name;
  return (
    <header class="adviser">
      <span class="adviser-initial" aria-hidden="true">
        {name.slice(0, 1)}
      </span>
      <div>
        <h1>{t("handshake.who", { name })}</h1>
        <p class="quiet">{t("handshake.where", { role: offer.staff.role, store: offer.store_name })}</p>
        {offer.reason ? <p>{offer.reason}</p> : null}
      </div>
    </header>
  );
}

const REFUSALS: Readonly<Record<string, TextKey>> = {
  code_expired: "handshake.code_expired",
  code_used: "handshake.code_used",
  not_in_store: "handshake.not_in_store",
  no_session: "handshake.no_session",
  too_many_tries: "handshake.too_many_tries",
  store_away: "handshake.store_away",
  offline: "offline.try",
};

function Connect({ offer, path, next }: { offer: HandshakeFacts; path: string; next: (step: Step) => void }) {
  const [code, setCode] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<TextKey>();
  // The same nonce again when an answer was lost: the store then answers alike.
  const nonce = useRef(newNonce());
  const connect = async () => {
    setBusy(true);
    setRefused(undefined);
    try {
      const body: HandshakeClaim = { code: code.trim(), nonce: nonce.current };
      const claimed = await ask<HandshakeClaimed>(`${path}/claim`, { method: "POST", body });
      history.replaceState(null, "", location.pathname);
      const sas = await sasOf(offer.handshake, offer.commit, nonce.current, claimed.nonce);
      if (sas) return next({ at: "number", sas });
      await ask(`${path}/deny`, { method: "POST" }).catch(() => undefined);
      next({ at: "end", key: "handshake.broken" });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setRefused(REFUSALS[error.code] ?? "handshake.gone.text");
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void connect();
      }}
    >
      <p>{t("handshake.connect.text")}</p>
      <TextField label={t("handshake.code")} help={t("handshake.code.help")} value={code} onInput={setCode} maxLength={12} code error={refused ? t(refused) : undefined} />
      <Button kind="primary" large wide submit busy={busy} disabled={code.trim() === ""}>
        {t("handshake.connect")}
      </Button>
    </form>
  );
}

function Compare({ sas, path, next }: { sas: Sas; path: string; next: (step: Step) => void }) {
  const label = t("handshake.number", { number: sasText(sas), colour: t(`colour.${sas.colour}` as TextKey), shape: t(`shape.${sas.shape}` as TextKey) });
  return (
    <section class="stack">
      <SasSign sas={sas} label={label} />
      <h2>{t("handshake.compare")}</h2>
      <Button
        kind="primary"
        large
        wide
        onPress={() => {
          ask(`${path}/attend`, { method: "POST" }).catch(() => undefined);
          next({ at: "consent" });
        }}
      >
        {t("handshake.same")}
      </Button>
      <Button large wide onPress={() => void deny(path, () => next({ at: "end", key: "handshake.wrong" }))}>
        {t("handshake.differs")}
      </Button>
    </section>
  );
}

async function deny(path: string, then: () => void): Promise<void> {
  try {
    await ask(`${path}/deny`, { method: "POST" });
  } catch (error) {
    // Already over: the same to whoever said no.
    if (!(error instanceof ApiError && error.status === 409)) return failed(error);
  }
  then();
}

function Consent({ offer, path, next }: { offer: HandshakeFacts; path: string; next: (step: Step) => void }) {
  const language = locale.value;
  const texts = useLoaded(() => ask<LegalTexts>(`/v1/legal-texts?language=${language}`), [language]);
  const text = texts.data?.texts.filter((known: LegalText) => known.purpose === "instore_context" && known.language === language).sort((a, b) => b.version - a.version)[0];
  const [ticked, setTicked] = useState<readonly Known[]>(offer.wanted.includes("bookmarks") ? ["bookmarks"] : []);
  const [minutes, setMinutes] = useState("10");
  const [busy, setBusy] = useState(false);
  const warning = useWaiting(path, [ticked, minutes]);
  const jti = useRef(newKey());
  const grant = async () => {
    if (!text) return;
    setBusy(true);
    try {
      const shown = JSON.stringify({ body: text.body, scopes: ticked, minutes, why: offer.reason });
      const body: HandshakeGrant = { jti: jti.current, scopes: [...ticked], minutes: Number(minutes), legal_text: text.id, version: text.version, language, shown_sha256: sha256Hex(shown) };
      const own = await share(path, body);
      if (own) know(own);
      else next({ at: "end", key: "handshake.lapsed" });
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="stack">
      <h2>{t("handshake.what", { name: offer.staff.first_name })}</h2>
      {offer.shared.filter(isKnown).map((scope) => (
        <Switch
          key={scope}
          label={t(`scope.${scope}`)}
          help={offer.wanted.includes(scope) ? t("handshake.wanted") : undefined}
          checked={ticked.includes(scope)}
          onChange={(on) => setTicked(on ? [...ticked, scope] : ticked.filter((other) => other !== scope))}
        />
      ))}
      <h2>{t("handshake.howlong")}</h2>
      <Choices label={t("handshake.howlong")} value={minutes} options={offer.minutes.map((of) => ({ value: String(of), label: t("handshake.minutes", { count: of }) }))} onChange={setMinutes} />
      <p class="quiet">{t("handshake.stop")}</p>
      {text ? (
        <details>
          <summary>{text.title}</summary>
          <p class="small">{text.body}</p>
        </details>
      ) : null}
      {warning ? <Notice tone="warning">{t("handshake.warning")}</Notice> : null}
      <Button kind="primary" large wide busy={busy} disabled={!text || ticked.length === 0} onPress={() => void grant()}>
        {t("handshake.share")}
      </Button>
      <Button large wide onPress={() => void deny(path, () => next({ at: "end", key: "handshake.denied" }))}>
        {t("handshake.deny")}
      </Button>
    </section>
  );
}

/** Says to the store that the customer is still there, with each of their actions; true when the wait is nearly over. */
function useWaiting(path: string, actions: readonly unknown[]): boolean {
  const [warning, setWarning] = useState(false);
  const last = useRef(-Infinity);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const acted = () => {
      setWarning(false);
      clearTimeout(timer);
      timer = setTimeout(() => setWarning(true), WARN_MS);
      if (performance.now() - last.current < ATTEND_MS) return;
      last.current = performance.now();
      ask(`${path}/attend`, { method: "POST" }).catch(() => undefined);
    };
    acted();
    addEventListener("pointerdown", acted);
    addEventListener("keydown", acted);
    return () => {
      clearTimeout(timer);
      removeEventListener("pointerdown", acted);
      removeEventListener("keydown", acted);
    };
  }, [path, ...actions]);
  return warning;
}

function Shared({ receipt, path }: { receipt: HandshakeReceipt; path: string }) {
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(receipt.state !== "active");
  useEffect(() => {
    const left = Date.parse(receipt.until ?? "") - (Date.now() - (clockSkewMs() ?? 0));
    if (receipt.state !== "active" || !(left > 0)) return setOver(true);
    setOver(false);
    const timer = setTimeout(() => setOver(true), left);
    return () => clearTimeout(timer);
  }, [receipt]);
  const latest = useLoaded(() => ask<HandshakeReceipt>(`${path}/receipt`), [over]);
  const stop = async () => {
    setBusy(true);
    try {
      told.value = await ask<HandshakeReceipt>(`${path}/revoke`, { method: "POST" });
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  const shown = latest.data ?? receipt;
  const read = [...new Set(shown.read.map((field) => field.split(".")[0] as Scope))].filter(isKnown);
  const name = receipt.staff.first_name;
  return (
    <div class="page">
      <header class="adviser">
        <span class="adviser-initial" aria-hidden="true">
          {name.slice(0, 1)}
        </span>
        <div>
          <h1>{t(over ? "handshake.ended" : "handshake.active", { name })}</h1>
          <p class="quiet">{receipt.store_name}</p>
        </div>
      </header>
      <section class="card stack">
        <h2>{t("handshake.shared")}</h2>
        <ul class="plain">{receipt.scopes.filter(isKnown).map((scope) => <li key={scope}>{t(`scope.${scope}`)}</li>)}</ul>
        {!over && receipt.until ? <p class="num">{t("handshake.until", { time: clock(receipt.until, locale.value) })}</p> : null}
        {over ? <p>{read.length === 0 ? t("handshake.read.none") : t("handshake.read", { list: read.map((scope) => t(`scope.${scope}`)).join(", ") })}</p> : null}
      </section>
      {over ? (
        <Button href="/" large wide>
          {t("bookmarks.go")}
        </Button>
      ) : (
        <Button kind="danger" large wide busy={busy} onPress={() => void stop()}>
          {t("handshake.end")}
        </Button>
      )}
    </div>
  );
}

function End({ words }: { words: string }) {
  return (
    <div class="page">
      <Empty page art={scenicUrl("welcome")} title={words} action={<Button href="/">{t("bookmarks.go")}</Button>}>
        {t("handshake.nothing")}
      </Empty>
    </div>
  );
}
