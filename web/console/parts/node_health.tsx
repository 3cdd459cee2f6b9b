//! Owns one node in full: alarms, what stands still, room on its disk, which documents are not in force and why, what it lost, and what an
//! operator may do.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { ago, count, day, dayAndClock } from "../../shared/format.ts";
import type { HeldStream, LossView, NodeHealth, NodeLink, NodeReport, OverrideView, RejectedDocument } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Badge, Notice, Progress } from "../../shared/ui/feedback.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { toast } from "../../shared/ui/toast.tsx";
import { alarm, alarms, loss, part, rejection, size, skew, stream } from "../fleet.ts";
import { t } from "../texts.ts";
import { Decide, mayDecide } from "./decide.tsx";

type Decision = { readonly kind: "reclaim" } | { readonly kind: "unhold"; readonly held: HeldStream } | { readonly kind: "clear"; readonly shown: OverrideView };

const streamName = (name: string): string => {
  const key = stream(name);
  return key ? t(key) : name;
};
const since = (instant: string): string => ago(instant, Date.now(), locale.value);

export function NodePanel({ link, health, onChanged }: { link: NodeLink; health: NodeHealth; onChanged: () => void }) {
  const [decision, setDecision] = useState<Decision>();
  const { report } = health;
  const warnings = alarms(health);
  // A second or two is the way of the message.
  const off = warnings.includes("clock_off") ? health.clock_skew_s : null;
  const operator = mayDecide();
  const done = (text: string) => {
    setDecision(undefined);
    toast(text);
    onChanged();
  };
  return (
    <div class="stack">
      <div>
        <h2>{health.name}</h2>
        <p class="mono quiet small">{health.node}</p>
      </div>
      {health.active ? null : (
        <Notice tone="warning" title={t("fleet.replaced")}>
          <p>{t("fleet.replaced_text")}</p>
        </Notice>
      )}
      {health.reclaim ? <Badge tone="accent">{t("fleet.reclaiming")}</Badge> : null}
      {warnings.length > 0 ? (
        <ul class="alarms" aria-label={t("fleet.alarms")}>
          {warnings.map((code) => (
            <li key={code}>
              <Badge tone={alarm(code).tone} dot>
                {t(alarm(code).key)}
              </Badge>
            </li>
          ))}
        </ul>
      ) : health.held.length === 0 ? (
        <p class="quiet">{t(report ? "fleet.alarms_none" : "fleet.no_report")}</p>
      ) : null}
      {health.held.map((held) => (
        <Notice key={held.stream} tone="danger" title={`${t("fleet.held")}: ${streamName(held.stream)}`}>
          <div class="stack-2">
            <p>{t("fleet.held_text", { count: held.poison_run })}</p>
            {operator ? (
              <div class="row">
                <Button onPress={() => setDecision({ kind: "unhold", held })}>{t("fleet.unhold")}</Button>
              </div>
            ) : null}
          </div>
        </Notice>
      ))}
      <dl class="facts">
        {report ? <Budgets report={report} /> : null}
        <dt>{t("fleet.behind")}</dt>
        <dd>{health.documents_behind > 0 && health.behind_since ? t("fleet.behind_since", { count: health.documents_behind, ago: since(health.behind_since) }) : t("fleet.behind_none")}</dd>
        <dt>{t("fleet.orders")}</dt>
        <dd class="num">{count(health.orders_waiting, locale.value)}</dd>
        <dt>{t("fleet.applied")}</dt>
        <dd class="num">{count(link.applied, locale.value)}</dd>
        {off ? (
          <>
            <dt>{t("fleet.clock")}</dt>
            <dd>{t(off > 0 ? "fleet.clock_ahead" : "fleet.clock_behind", { by: skew(off, locale.value) })}</dd>
          </>
        ) : null}
        {health.certificate_until ? (
          <>
            <dt>{t("fleet.certificate")}</dt>
            <dd>{t(warnings.includes("certificate_expired") ? "fleet.certificate_ended" : "fleet.certificate_until", { date: day(health.certificate_until, locale.value) })}</dd>
          </>
        ) : null}
        <dt>{t("fleet.software")}</dt>
        <dd>{(report?.software ?? link.software) || "–"}</dd>
      </dl>
      {health.overrides.length > 0 ? <Overrides overrides={health.overrides} onClear={operator ? (shown) => setDecision({ kind: "clear", shown }) : undefined} /> : null}
      {health.rejected.length > 0 ? <Rejected rejected={health.rejected} /> : null}
      {report ? <p class="small quiet">{t("fleet.report_old", { ago: since(report.at) })}</p> : null}
      <section class="stack-2">
        <h3>{t("fleet.losses")}</h3>
        {health.losses.length === 0 ? <p class="quiet">{t("fleet.losses_none")}</p> : <Losses losses={health.losses} />}
      </section>
      {operator ? (
        <div class="row">
          <Button onPress={() => setDecision({ kind: "reclaim" })}>{t("fleet.reclaim")}</Button>
        </div>
      ) : (
        <p class="small quiet">{t("fleet.operators_only")}</p>
      )}
      {decision?.kind === "reclaim" ? (
        <Decide title={t("fleet.reclaim")} text={t("fleet.reclaim_text")} verb={t("fleet.reclaim")} path={`/v1/fleet/${encodeURIComponent(health.node)}/reclaim`} onDone={() => done(t("fleet.reclaimed"))} onClose={() => setDecision(undefined)} />
      ) : null}
      {decision?.kind === "clear" ? (
        <Decide
          title={t("fleet.override_clear")}
          text={t("fleet.override_clear_text")}
          verb={t("fleet.override_clear")}
          path={`/v1/fleet/${encodeURIComponent(health.node)}/overrides/${decision.shown.key.split("/").map(encodeURIComponent).join("/")}/clear`}
          onDone={() => done(t("fleet.override_cleared"))}
          onClose={() => setDecision(undefined)}
        />
      ) : null}
      {decision?.kind === "unhold" ? (
        <Decide
          title={t("fleet.unhold")}
          text={t("fleet.unhold_text")}
          verb={t("fleet.unhold")}
          path={`/v1/fleet/${encodeURIComponent(health.node)}/streams/${encodeURIComponent(decision.held.stream)}/unhold`}
          onDone={() => done(t("fleet.unheld"))}
          onClose={() => setDecision(undefined)}
        />
      ) : null}
    </div>
  );
}

function Overrides({ overrides, onClear }: { overrides: readonly OverrideView[]; onClear: ((shown: OverrideView) => void) | undefined }) {
  return (
    <Notice tone="warning" title={t("fleet.overrides")}>
      <ul class="losses">
        {overrides.map((shown) => (
          <li key={shown.key}>
            <strong class="mono">{shown.key}</strong>
            <span>{shown.reason}</span>
            <span class="small quiet num">{t("fleet.override_by", { by: shown.by === "operator" ? t("fleet.override_operator") : shown.by, until: dayAndClock(shown.until, locale.value) })}</span>
            {onClear ? (
              <div class="row">
                <Button onPress={() => onClear(shown)}>{t("fleet.override_clear")}</Button>
              </div>
            ) : null}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Rejected({ rejected }: { rejected: readonly RejectedDocument[] }) {
  return (
    <section class="stack-2">
      <h3>{t("fleet.rejected")}</h3>
      <ul class="losses">
        {rejected.map(({ key, code }) => {
          const words = rejection(code);
          return (
            <li key={key}>
              <strong class="mono">{key}</strong>
              <span>{words ? t(words) : code}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Budgets({ report }: { report: NodeReport }) {
  const classes = [
    { label: t("fleet.class_a"), of: report.class_a },
    { label: t("fleet.class_c"), of: report.class_c },
  ];
  return (
    <>
      {classes.map(({ label, of }) => (
        <Fragment key={label}>
          <dt>{label}</dt>
          <dd class="stack-2">
            <span class="num">{t("fleet.budget", { used: size(of.used_bytes, locale.value), budget: size(of.budget_bytes, locale.value) })}</span>
            <Progress label={label} part={part(of.used_bytes, of.budget_bytes)} />
          </dd>
        </Fragment>
      ))}
      <dt>{t("fleet.offline_days")}</dt>
      <dd>{report.offline_days === null ? "–" : t("fleet.days", { count: report.offline_days })}</dd>
    </>
  );
}

function Losses({ losses }: { losses: readonly LossView[] }) {
  return (
    <ul class="losses">
      {losses.map((one) => (
        <li key={`${one.stream} ${one.kind}`}>
          <strong class="num">{t("fleet.loss", { stream: streamName(one.stream), count: one.records })}</strong>
          <span>{t(loss(one.kind))}</span>
          <span class="small quiet num">{t("fleet.loss_range", { from: one.from, to: one.to, ago: since(one.at) })}</span>
        </li>
      ))}
    </ul>
  );
}
