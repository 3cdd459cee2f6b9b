//! Owns the arrival from an NFC display: the code is claimed once, then its dialogue opens in place.
//! On failure: says why in words; nothing is kept.
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import type { Dialogue } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty } from "../../shared/ui/feedback.tsx";
import { go } from "../../shared/ui/route.ts";
import { readCode } from "../code.ts";
import { t } from "../texts.ts";
import { rememberDialogue } from "./dialogue.tsx";

export function TapPage({ code }: { code: string }) {
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (readCode(code)?.kind !== "tap") return setError("malformed");
    setError(undefined);
    ask<Dialogue>("/v1/taps", { method: "POST", body: { code }, idempotencyKey: `tap-${code.slice(-32)}` }).then(
      (dialogue) => {
        rememberDialogue(dialogue);
        go(`/dialogue/${encodeURIComponent(dialogue.dialogue)}`, { replace: true });
      },
      (failure: unknown) => {
        if (!(failure instanceof ApiError)) throw failure;
        setError(failure.code);
      },
    );
  }, [code, round]);
  if (error === undefined) {
    return (
      <div class="page">
        <div class="busy" role="status">
          <span class="busy-ring" />
          <h1>{t("tap.busy")}</h1>
        </div>
      </div>
    );
  }
  const offline = error === "offline";
  return (
    <div class="page">
      <Empty page
        art={scenicUrl("tap")}
        title={t("tap.refused")}
        action={
          offline ? (
            <Button kind="primary" onPress={() => setRound(round + 1)}>
              {t("again")}
            </Button>
          ) : (
            <Button href="/">{t("bookmarks.go")}</Button>
          )
        }
      >
        {t(offline ? "offline.try" : error === "expired" || error === "replayed" ? "tap.old" : "tap.foreign")}
      </Empty>
    </div>
  );
}
