//! Owns the one way in which an operator decides: what will happen, why, and the button that does it.
//! Takes: a request to send with the reason. Emits: a call when it is done. On failure: says so in the dialog, and nothing is lost.
import { useState } from "preact/hooks";
import { ApiError, ask, newKey } from "../../shared/api.ts";
import type { OperatorDecision } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { TextField } from "../../shared/ui/field.tsx";
import { session } from "../state.ts";
import { t } from "../texts.ts";
import { Failed } from "./head.tsx";

const REASON_MAX = 200;

export const mayDecide = (): boolean => session.value.state === "in" && session.value.me.roles.includes("operator");

export function Decide({ title, text, verb, path, danger = false, onDone, onClose }: { title: string; text: string; verb: string; path: string; danger?: boolean; onDone: () => void; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiError>();
  const [key] = useState(newKey);
  const send = async () => {
    const said = reason.trim();
    setMissing(said === "");
    if (said === "" || busy) return;
    setBusy(true);
    try {
      await ask(path, { method: "POST", body: { reason: said } satisfies OperatorDecision, idempotencyKey: key });
      onDone();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} closeLabel={t("close")} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{text}</p>
        <TextField label={t("fleet.reason")} help={t("fleet.reason_help")} error={missing ? t("fleet.reason_missing") : undefined} value={reason} onInput={setReason} maxLength={REASON_MAX} name="reason" />
        {failure ? <Failed error={failure} again={() => void send()} /> : null}
        <div class="row">
          <Button kind={danger ? "danger" : "primary"} busy={busy} submit>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
