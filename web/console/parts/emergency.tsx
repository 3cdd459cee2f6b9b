//! Owns the emergency of one store on the console: what is on, how it is begun and ended.
//! Takes: the store's own report. Emits: the operator's wish; what becomes of it comes back with the next report.
//! On failure: says so and keeps the choice; the button stays as it was.
import { Siren } from "lucide";
import { useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { clock } from "../../shared/format.ts";
import type { EmergencyMode, EmergencyRequest, EmergencyState } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { Notice } from "../../shared/ui/feedback.tsx";
import { Choices, Select } from "../../shared/ui/field.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { toast } from "../../shared/ui/toast.tsx";
import { session } from "../state.ts";
import { t } from "../texts.ts";

/** Minutes that staff choose from; whoever needs longer begins it again. */
const LASTS_MIN = [15, 60, 240] as const;
/** Part of the time that the message takes where the rest goes on. */
const PART_PERCENT = 50;

const mayDecide = (): boolean => session.value.state === "in" && session.value.me.roles.includes("operator");
const pathOf = (store: string) => `/v1/stores/${encodeURIComponent(store)}/emergency`;

export function EmergencyPanel({ store, state }: { store: string; state: EmergencyState | null }) {
  const [choosing, setChoosing] = useState(false);
  const [busy, setBusy] = useState(false);
  if (!state) return null;
  const { active, ready } = state;
  const end = async () => {
    setBusy(true);
    try {
      await ask(pathOf(store), { method: "DELETE" });
      toast(t("emergency.ending"));
    } catch {
      toast(t("emergency.failed"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {active ? (
        <Notice
          tone="danger"
          title={t("emergency.on", { set: active.set })}
          action={
            mayDecide() ? (
              <Button busy={busy} onPress={() => void end()}>
                {t("emergency.end")}
              </Button>
            ) : undefined
          }
        >
          <p>{t("emergency.until", { time: clock(active.expires, locale.value), by: active.by })}</p>
        </Notice>
      ) : ready.length > 0 && mayDecide() ? (
        <div>
          <Button icon={Siren} onPress={() => setChoosing(true)}>
            {t("emergency.begin")}
          </Button>
        </div>
      ) : null}
      {choosing ? <BeginDialog store={store} ready={ready} onClose={() => setChoosing(false)} /> : null}
    </>
  );
}

function BeginDialog({ store, ready, onClose }: { store: string; ready: readonly string[]; onClose: () => void }) {
  const [set, setSet] = useState(ready[0] ?? "");
  const [mode, setMode] = useState<EmergencyMode["mode"]>("replace");
  const [minutes, setMinutes] = useState<string>(String(LASTS_MIN[0]));
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const begin = async () => {
    setBusy(true);
    setFailed(false);
    const wanted: EmergencyMode = mode === "replace" ? { mode } : { mode, saturation_percent: PART_PERCENT };
    const body: EmergencyRequest = { set, mode: wanted, lasts_s: Number(minutes) * 60 };
    try {
      await ask(pathOf(store), { method: "PUT", body });
      toast(t("emergency.beginning"));
      onClose();
    } catch {
      setFailed(true);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t("emergency.begin")} closeLabel={t("close")} onClose={onClose}>
      <div class="stack">
        <p>{t("emergency.text")}</p>
        <Select label={t("emergency.set")} value={set} options={ready.map((name) => ({ value: name, label: name }))} onChange={setSet} />
        <Choices
          label={t("emergency.mode")}
          value={mode}
          options={[
            { value: "replace", label: t("emergency.replace") },
            { value: "append", label: t("emergency.append") },
          ]}
          onChange={setMode}
        />
        <Select label={t("emergency.lasts")} value={minutes} options={LASTS_MIN.map((value) => ({ value: String(value), label: t("emergency.minutes", { count: value }) }))} onChange={setMinutes} />
        {failed ? (
          <Notice tone="danger">
            <p>{t("emergency.failed")}</p>
          </Notice>
        ) : null}
        <Button kind="danger" busy={busy} onPress={() => void begin()}>
          {t("emergency.begin_now")}
        </Button>
      </div>
    </Dialog>
  );
}
