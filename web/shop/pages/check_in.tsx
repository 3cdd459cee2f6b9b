//! Owns the check-in with a door's code: sent once, then the visit arrives on the own stream.
//! On failure: each refusal in words with one next step; a lost answer is asked for again.
import { DoorOpen } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import type { CheckInAccepted, CloudCheckIn, Me } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty } from "../../shared/ui/feedback.tsx";
import { go } from "../../shared/ui/route.ts";
import { readCode } from "../code.ts";
import { justOpened, refresh, refusal, visit } from "../state.ts";
import { type TextKey, t } from "../texts.ts";

const REFUSALS: Readonly<Record<string, TextKey>> = {
  malformed: "check_in.malformed",
  forged: "check_in.malformed",
  expired: "check_in.expired",
  wrong_store: "check_in.wrong_store",
  replayed: "check_in.replayed",
  pass_invalid: "check_in.pass_invalid",
  not_ready: "check_in.not_ready",
  offline: "check_in.offline",
};
/** The visit is normally here within a blink; then we look ourselves whether an event was lost. */
const LOOK_MS = 4_000;

type Step = { readonly at: "sending" } | { readonly at: "waiting"; readonly checkin: string } | { readonly at: "refused"; readonly reason: string; readonly reference?: string };

export function CheckInPage({ code, nfc }: { code: string; nfc: boolean }) {
  const [step, setStep] = useState<Step>({ at: "sending" });
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (readCode(code)?.kind !== "door") return setStep({ at: "refused", reason: "malformed" });
    refusal.value = undefined;
    setStep({ at: "sending" });
    const body: CloudCheckIn = { code, method: nfc ? "nfc" : "app_qr" };
    // The code is used once, so its end names the intention: a repeat of this request is not a second check-in.
    ask<CheckInAccepted>("/v1/checkins", { method: "POST", body, idempotencyKey: `checkin-${code.slice(-32)}` }).then(
      ({ checkin }) => setStep({ at: "waiting", checkin }),
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        const reference = error.failure.kind === "problem" ? error.failure.problem.instance : undefined;
        setStep({ at: "refused", reason: error.code, ...(reference ? { reference } : {}) });
      },
    );
  }, [code, round]);

  const refused = refusal.value;
  useEffect(() => {
    if (step.at === "waiting" && refused?.checkin === step.checkin) setStep({ at: "refused", reason: refused.reason });
  }, [refused, step]);

  const open = visit.value;
  useEffect(() => {
    if (step.at !== "waiting") return;
    // Joined a visit that was open already: nothing new to celebrate, home is where to be.
    if (open && !justOpened.value) return go("/", { replace: true });
    const timer = setTimeout(async () => {
      try {
        const me = await ask<Me>("/v1/me");
        if (me.visit && me.visit.closed_at === null) {
          justOpened.value = me.visit;
          visit.value = me.visit;
          void refresh();
        } else {
          setStep({ at: "refused", reason: "not_ready" });
        }
      } catch {
        setStep({ at: "refused", reason: "offline" });
      }
    }, LOOK_MS);
    return () => clearTimeout(timer);
  }, [step.at, open?.visit]);

  if (step.at !== "refused") {
    return (
      <div class="page">
        <div class="busy" role="status">
          <span class="busy-ring" />
          <h1>{t("check_in.busy")}</h1>
        </div>
      </div>
    );
  }
  const again = step.reason === "offline" || step.reason === "not_ready";
  return (
    <div class="page">
      <Empty page
        art={scenicUrl("door")}
        title={t("check_in.refused")}
        action={
          <>
            {again ? (
              <Button kind="primary" onPress={() => setRound(round + 1)}>
                {t("again")}
              </Button>
            ) : (
              <Button kind="primary" icon={DoorOpen} href="/scan">
                {t("check_in.scan_again")}
              </Button>
            )}
            {step.reference ? <p class="reference">{t("reference", { reference: step.reference })}</p> : null}
          </>
        }
      >
        {t(REFUSALS[step.reason] ?? "check_in.unknown")}
      </Empty>
    </div>
  );
}
