//! Owns staff sign-in: address, then the code from the mail. The page that was asked for stays in the address bar.
import { useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import type { Me, SignInFinish, SignInStart } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Choices, TextField } from "../../shared/ui/field.tsx";
import { locale, setLocale } from "../../shared/ui/locale.ts";
import { signedIn } from "../state.ts";
import { t } from "../texts.ts";

const DIGITS = 6;

export function SignInPage() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure.failure.kind === "offline" ? t("unreachable.text") : failure.status === 429 ? t("sign_in.slow") : failure.status < 500 ? t(sent ? "sign_in.wrong" : "sign_in.address") : t("error.text", { reference: failure.failure.problem.instance ?? "–" }));
    } finally {
      setBusy(false);
    }
  };
  const askCode = () =>
    run(async () => {
      const body: SignInStart = { email: email.trim(), language: locale.value };
      await ask("/v1/sign-in", { method: "POST", body });
      setSent(true);
    });
  const giveCode = (digits: string) =>
    run(async () => {
      const body: SignInFinish = { email: email.trim(), code: digits };
      signedIn(await ask<Me>("/v1/sign-in/code", { method: "POST", body }));
    });

  return (
    <main class="gate">
      <div class="card gate-card stack-6">
        <div class="row">
          <span class="side-brand">
            <img src="/assets/art/icon.svg" alt="" width="28" height="28" />
            <strong>{t("brand")}</strong>
          </span>
          <span class="push">
            <Choices
              label={t("language")}
              value={locale.value}
              options={[
                { value: "de", label: t("language.de") },
                { value: "en", label: t("language.en") },
              ]}
              onChange={setLocale}
            />
          </span>
        </div>
        <div class="stack-2">
          <h1>{t("sign_in.title")}</h1>
          <p class="quiet">{sent ? t("sign_in.sent", { email: email.trim() }) : t("sign_in.text")}</p>
        </div>
        {sent ? (
          <form
            class="stack"
            onSubmit={(event) => {
              event.preventDefault();
              void giveCode(code);
            }}
          >
            <TextField
              label={t("sign_in.code")}
              value={code}
              inputMode="numeric"
              autoComplete="one-time-code"
              name="code"
              code
              error={error}
              onInput={(text) => {
                const digits = text.replace(/\D/g, "").slice(0, DIGITS);
                setCode(digits);
                if (digits.length === DIGITS && !busy) void giveCode(digits);
              }}
            />
            <Button kind="primary" wide submit busy={busy}>
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
              void askCode();
            }}
          >
            <TextField label={t("sign_in.email")} value={email} onInput={setEmail} type="email" inputMode="email" autoComplete="email" name="email" error={error} />
            <Button kind="primary" wide submit busy={busy}>
              {t("sign_in.send")}
            </Button>
          </form>
        )}
      </div>
    </main>
  );
}
