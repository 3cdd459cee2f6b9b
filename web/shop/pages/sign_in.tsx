//! Owns sign-in: an address, then the code from the mail. What brought the person here (a door, a tap) waits in the address bar.
//! On failure: a wrong code says so at its field; an unreachable server leaves what was typed.
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import type { Me, SignInFinish, SignInStart } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { TextField } from "../../shared/ui/field.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { place } from "../../shared/ui/route.ts";
import { Languages } from "../parts/languages.tsx";
import { signedIn } from "../state.ts";
import { t } from "../texts.ts";

const DIGITS = 6;

export function SignInPage() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const { path, query } = place.value;

  useEffect(() => {
    const tap = path === "/t" ? query.get("c") : null;
    if (tap !== null) ask("/v1/taps/opened", { method: "POST", body: { code: tap }, idempotencyKey: `opened-${tap.slice(-20)}` }).catch(() => undefined);
  }, []);

  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(words(failure, sent));
    } finally {
      setBusy(false);
    }
  };
  const askCode = () =>
    run(async () => {
      const body: SignInStart = { email: email.trim(), language: locale.value };
      await ask("/v1/sign-in", { method: "POST", body });
      setSent(true);
      setCode("");
    });
  const giveCode = (typed: string) =>
    run(async () => {
      const body: SignInFinish = { email: email.trim(), code: typed };
      signedIn(await ask<Me>("/v1/sign-in/code", { method: "POST", body }));
    });

  const typed = (text: string) => {
    const digits = text.replace(/\D/g, "").slice(0, DIGITS);
    setCode(digits);
    if (digits.length === DIGITS && !busy) void giveCode(digits);
  };

  return (
    <div class="page sign-in">
      <div class="row">
        <span class="brand">
          <img src="/assets/art/icon.svg" alt="" width="32" height="32" />
          <strong>{t("brand")}</strong>
        </span>
        <span class="push-end">
          <Languages />
        </span>
      </div>
      <img class="hero-art" src={scenicUrl(path === "/t" ? "tap" : path === "/c" ? "door" : "welcome")} alt="" width="176" height="176" />
      <div class="stack-2">
        <h1>{t(path === "/c" ? "sign_in.title_door" : path === "/t" ? "sign_in.title_tap" : "sign_in.title")}</h1>
        <p class="quiet">{sent ? t("sign_in.sent", { email: email.trim() }) : t("sign_in.text")}</p>
      </div>
      {sent ? (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (code.length === DIGITS) void giveCode(code);
            else setError(t("sign_in.six"));
          }}
        >
          <TextField label={t("sign_in.code")} value={code} onInput={typed} inputMode="numeric" autoComplete="one-time-code" name="code" code error={error} />
          <Button kind="primary" large wide submit busy={busy}>
            {t("sign_in.go")}
          </Button>
          <Button kind="plain" onPress={() => setSent(false)}>
            {t("sign_in.change")}
          </Button>
        </form>
      ) : (
        <form
          class="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (/^\S+@\S+$/.test(email.trim())) void askCode();
            else setError(t("sign_in.address"));
          }}
        >
          <TextField label={t("sign_in.email")} value={email} onInput={setEmail} type="email" inputMode="email" autoComplete="email" name="email" error={error} />
          <Button kind="primary" large wide submit busy={busy}>
            {t("sign_in.send")}
          </Button>
        </form>
      )}
    </div>
  );
}

function words(error: ApiError, sent: boolean): string {
  if (error.failure.kind === "offline") return t("offline.try");
  if (error.status === 429) return t("sign_in.slow");
  if (error.status < 500) return sent ? t("sign_in.wrong") : t("sign_in.address");
  return t("error.short", { reference: error.failure.problem.instance ?? "–" });
}
