//! Owns rollouts at a glance: which documents are on their way to stores, how far each wave is, what went wrong; and stops or turns them back.
//! Takes: /v1/rollouts. Emits: decisions of staff. On failure: keeps the last picture beside the error; a decision that failed says so.
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { dayAndClock } from "../../shared/format.ts";
import type { Rollouts, RolloutStore, RolloutView } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { Badge, Empty, Notice, Progress, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Failed, Head } from "../parts/head.tsx";
import { type Deed, PHASES, PROGRESS, REASONS, deeds, done, waves } from "../rollouts.ts";
import { resyncs, session } from "../state.ts";
import { type TextKey, t } from "../texts.ts";

/** A step a second is the fastest that anything changes; nobody reads faster than this. */
const REFRESH_MS = 3_000;

const VERBS: Readonly<Record<Deed, TextKey>> = { pause: "rollout.pause", resume: "rollout.resume", "roll-back": "rollout.roll_back" };

const mayDecide = (): boolean => session.value.state === "in" && session.value.me.roles.some((role) => role === "marketer" || role === "operator");

export function RolloutsPage() {
  const { data, error, again } = useLoaded(() => ask<Rollouts>("/v1/rollouts"), [resyncs.value]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") again();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const [selected, setSelected] = useState<string>();
  const rows = data?.rollouts;
  const shown = rows?.find(({ rollout }) => rollout === selected) ?? rows?.[0];
  const failed = error !== undefined && rows === undefined;
  return (
    <div class="page">
      <Head title={t("nav.rollouts")} />
      {error ? <Failed error={error} again={again} /> : null}
      <div class={rows?.length === 0 || failed ? "fleet alone" : "fleet"}>
        {failed ? null : (
          <section class="card flush fleet-nodes">
            <Table
              caption={t("nav.rollouts")}
              columns={columns()}
              rows={rows}
              rowKey={({ rollout }) => rollout}
              selected={shown?.rollout}
              onOpen={({ rollout }) => setSelected(rollout)}
              empty={
                <Empty art={scenicUrl("empty-offers")} title={t("rollout.none")}>
                  {t("rollout.none_text")}
                </Empty>
              }
            />
          </section>
        )}
        {shown ? (
          <aside class="card detail fleet-panel" aria-label={shown.name}>
            <Panel key={shown.rollout} rollout={shown} onChanged={again} />
          </aside>
        ) : rows === undefined && !failed ? (
          <div class="fleet-panel">
            <SkeletonBox height="28rem" />
          </div>
        ) : null}
      </div>
    </div>
  );
}

function columns(): Column<RolloutView>[] {
  return [
    { key: "name", head: t("rollout.name"), cell: (row) => <strong>{row.name}</strong>, sort: (row) => row.name },
    { key: "key", head: t("rollout.document"), cell: (row) => <span class="nowrap">{row.key}</span>, sort: (row) => row.key },
    {
      key: "phase",
      head: t("rollout.phase"),
      cell: (row) => (
        <Badge tone={PHASES[row.phase].tone} dot>
          {t(PHASES[row.phase].key)}
        </Badge>
      ),
      sort: (row) => row.phase,
    },
    { key: "progress", head: t("rollout.progress"), cell: (row) => <Progress label={t("rollout.progress_of", { name: row.name })} part={done(row)} />, sort: done },
    { key: "at", head: t("rollout.begun"), cell: (row) => <span class="num nowrap">{dayAndClock(row.made_at, locale.value)}</span>, sort: (row) => row.made_at },
  ];
}

function Panel({ rollout, onChanged }: { rollout: RolloutView; onChanged: () => void }) {
  const [deed, setDeed] = useState<Deed>();
  const possible = deeds(rollout.phase);
  return (
    <div class="stack">
      <div class="row">
        <h2>{rollout.name}</h2>
        <Badge tone={PHASES[rollout.phase].tone} dot>
          {t(PHASES[rollout.phase].key)}
        </Badge>
      </div>
      {rollout.reason ? <Notice tone="danger" title={t(REASONS[rollout.reason])} /> : null}
      <p class="small quiet">{t("rollout.terms", { per_minute: rollout.per_minute, rejected: rollout.rejected_percent_max, applied: rollout.applied_percent_min, minutes: Math.ceil(rollout.patience_s / 60) })}</p>
      <ol class="stack-2 plain">
        {waves(rollout).map((wave, at) => (
          <li key={at} class="stack-2" aria-current={at === rollout.wave && (rollout.phase === "running" || rollout.phase === "paused") ? "step" : undefined}>
            <div class="row">
              <strong>{t("rollout.wave", { number: at + 1 })}</strong>
              <span class="small quiet num">{t("rollout.wave_sum", { applied: wave.applied, stores: wave.stores })}</span>
              {wave.rejected > 0 ? <Badge tone="danger">{t("rollout.wave_rejected", { count: wave.rejected })}</Badge> : null}
              {wave.restored > 0 ? <Badge tone="neutral">{t("rollout.wave_restored", { count: wave.restored })}</Badge> : null}
            </div>
            <Progress label={t("rollout.wave", { number: at + 1 })} part={wave.stores === 0 ? 0 : wave.applied / wave.stores} />
          </li>
        ))}
      </ol>
      {mayDecide() ? (
        possible.length > 0 ? (
          <div class="row">
            {possible.map((each) => (
              <Button key={each} kind={each === "roll-back" ? "danger" : "normal"} onPress={() => setDeed(each)}>
                {t(VERBS[each])}
              </Button>
            ))}
          </div>
        ) : null
      ) : (
        <p class="small quiet">{t("rollout.may_not")}</p>
      )}
      <Stores stores={rollout.stores} />
      {deed ? (
        <Confirm
          rollout={rollout}
          deed={deed}
          onDone={() => {
            setDeed(undefined);
            onChanged();
          }}
          onClose={() => setDeed(undefined)}
        />
      ) : null}
    </div>
  );
}

function Stores({ stores }: { stores: readonly RolloutStore[] }) {
  const columns: Column<RolloutStore>[] = [
    { key: "store", head: t("rollout.store"), cell: (row) => row.name, sort: (row) => row.name },
    { key: "wave", head: t("rollout.wave_head"), cell: (row) => row.wave + 1, sort: (row) => row.wave, end: true },
    {
      key: "progress",
      head: t("rollout.phase"),
      cell: (row) => (
        <span class="verdict-cell">
          <Badge tone={PROGRESS[row.progress].tone} dot>
            {t(PROGRESS[row.progress].key)}
          </Badge>
          {row.code ? <code class="small">{row.code}</code> : null}
        </span>
      ),
      sort: (row) => row.progress,
    },
  ];
  return <Table caption={t("rollout.stores")} columns={columns} rows={stores} rowKey={({ store }) => store} empty={null} />;
}

function Confirm({ rollout, deed, onDone, onClose }: { rollout: RolloutView; deed: Deed; onDone: () => void; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiError>();
  const texts: Readonly<Record<Deed, TextKey>> = { pause: "rollout.pause_text", resume: "rollout.resume_text", "roll-back": "rollout.roll_back_text" };
  const send = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await ask(`/v1/rollouts/${rollout.rollout}/${deed}`, { method: "POST" });
      onDone();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={t(VERBS[deed])} closeLabel={t("close")} onClose={onClose}>
      <div class="stack">
        <p>{t(texts[deed])}</p>
        {failure ? <Failed error={failure} again={() => void send()} /> : null}
        <div class="row">
          <Button kind={deed === "roll-back" ? "danger" : "primary"} busy={busy} onPress={() => void send()}>
            {t(VERBS[deed])}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
