//! Owns one record that could not be applied: where it stood, why it failed, its bytes, and what an operator may do about it.
//! On failure: a record that fails again stays, and the new reason stands where the old one stood.
import { useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import { dayAndClock } from "../../shared/format.ts";
import type { QuarantineRecord, QuarantineView } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { Notice, SkeletonLines } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { toast } from "../../shared/ui/toast.tsx";
import { readable, stream } from "../fleet.ts";
import { t } from "../texts.ts";
import { Decide, mayDecide } from "./decide.tsx";
import { Failed } from "./head.tsx";

export const recordPath = ({ node, stream, epoch, seq }: QuarantineView): string => `/v1/quarantine/${[node, stream, epoch, seq].map(encodeURIComponent).join("/")}`;

export function RecordDialog({ record, onSettled, onClose }: { record: QuarantineView; onSettled: () => void; onClose: () => void }) {
  const path = recordPath(record);
  const { data, error, again } = useLoaded(() => ask<QuarantineRecord>(path), [path]);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiError>();
  const [discarding, setDiscarding] = useState(false);
  const shown = data?.record ?? record;
  const name = stream(shown.stream);

  const redrive = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await ask<QuarantineView>(`${path}/redrive`, { method: "POST" });
      toast(t("fleet.redriven"));
      onSettled();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setFailure(problem);
      again();
    } finally {
      setBusy(false);
    }
  };

  if (discarding) {
    return (
      <Decide
        title={t("fleet.discard")}
        text={t("fleet.discard_text")}
        verb={t("fleet.discard")}
        path={`${path}/discard`}
        danger
        onDone={() => {
          toast(t("fleet.discarded"));
          onSettled();
        }}
        onClose={() => setDiscarding(false)}
      />
    );
  }
  return (
    <Dialog
      title={t("fleet.record")}
      closeLabel={t("close")}
      onClose={onClose}
      actions={
        mayDecide() ? (
          <>
            <Button onPress={() => setDiscarding(true)}>{t("fleet.discard")}</Button>
            <Button kind="primary" busy={busy} onPress={() => void redrive()}>
              {t("fleet.redrive")}
            </Button>
          </>
        ) : (
          <p class="small quiet">{t("fleet.operators_only")}</p>
        )
      }
    >
      <div class="stack">
        {failure?.code === "still_fails" ? (
          <Notice tone="danger" title={t("fleet.still_fails")} />
        ) : failure ? (
          <Failed error={failure} again={() => void redrive()} />
        ) : null}
        <dl class="facts">
          <dt>{t("fleet.error")}</dt>
          <dd>{shown.error}</dd>
          <dt>{t("fleet.type")}</dt>
          <dd class="mono">{shown.type_name}</dd>
          <dt>{t("fleet.node")}</dt>
          <dd class="mono">{shown.node}</dd>
          <dt>{t("fleet.place")}</dt>
          <dd class="mono">
            {name ? t(name) : shown.stream}, {shown.epoch}/{shown.seq}
          </dd>
          <dt>{t("decision.at")}</dt>
          <dd class="num">{dayAndClock(shown.at, locale.value)}</dd>
          <dt>{t("fleet.tries")}</dt>
          <dd class="num">{shown.tries}</dd>
        </dl>
        <div>
          <h3>{t("fleet.raw")}</h3>
          {error ? (
            <Failed error={error} again={again} />
          ) : data ? (
            <pre class="raw" tabIndex={0} role="region" aria-label={t("fleet.raw")}>
              {readable(data.raw)}
            </pre>
          ) : (
            <SkeletonLines widths={[40, 90, 70, 85]} />
          )}
        </div>
      </div>
    </Dialog>
  );
}
