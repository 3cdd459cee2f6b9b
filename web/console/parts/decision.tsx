//! Owns one decision explained: verdict first, then the ten clauses in order, then what it rests on.
import type { DecisionView } from "../../shared/types.ts";
import { dayAndClock } from "../../shared/format.ts";
import { Badge } from "../../shared/ui/feedback.tsx";
import { locale } from "../../shared/ui/locale.ts";
import { type Clause, Why } from "../../shared/ui/why.tsx";
import { CLAUSES } from "../reasons.ts";
import { t } from "../texts.ts";
import { local, rankingWhy, reasonText, shortId } from "../words.ts";

export function clausesOf(decision: Pick<DecisionView, "sent" | "clause" | "reason">): Clause[] {
  return CLAUSES.map((key, index) => {
    const number = index + 1;
    const name = t(key);
    if (decision.sent || decision.clause === null) return { key, name, verdict: decision.sent ? "pass" : "not_reached" };
    if (number < decision.clause) return { key, name, verdict: "pass" };
    if (number > decision.clause) return { key, name, verdict: "not_reached" };
    return { key, name, verdict: decision.reason === "quiet_hours" ? "wait" : "stop", text: reasonText(decision.reason) };
  });
}

export function DecisionPanel({ decision }: { decision: DecisionView }) {
  const percent = (part: number) => new Intl.NumberFormat(locale.value, { style: "percent" }).format(part);
  return (
    <div class="stack">
      <div class="stack-2">
        <h2>{local(decision.title)}</h2>
        <p>
          <Badge tone={decision.sent ? "success" : "danger"} dot>
            {t(decision.sent ? "decision.sent" : "decision.not_sent")}
          </Badge>
        </p>
        <p>{decision.sent ? (decision.why.length > 0 ? t("decision.because", { reasons: decision.why.map(rankingWhy).join(", ") }) : t("reason.sent")) : reasonText(decision.reason)}</p>
      </div>
      <Why label={t("decision.clauses")} clauses={clausesOf(decision)} verdictNames={{ pass: t("verdict.pass"), stop: t("verdict.stop"), wait: t("verdict.wait"), not_reached: t("verdict.not_reached") }} />
      <dl class="facts">
        <dt>{t("decision.customer")}</dt>
        <dd>
          <a href={`/console/decisions?customer=${decision.customer}`}>{shortId(decision.customer)}</a>
        </dd>
        {decision.visit ? (
          <>
            <dt>{t("decision.visit")}</dt>
            <dd>
              <a href={`/console/decisions?visit=${decision.visit}`}>{shortId(decision.visit)}</a>
            </dd>
          </>
        ) : null}
        {decision.offer ? (
          <>
            <dt>{t("decision.offer")}</dt>
            <dd>
              <a href={`/console/offers/${decision.offer}`}>{local(decision.title)}</a>
            </dd>
          </>
        ) : null}
        <dt>{t("decision.channel")}</dt>
        <dd>{decision.channel}</dd>
        <dt>{t("decision.at")}</dt>
        <dd class="num">{dayAndClock(decision.at, locale.value)}</dd>
        {decision.score !== null ? (
          <>
            <dt>{t("decision.score")}</dt>
            <dd class="num">{percent(decision.score)}</dd>
          </>
        ) : null}
        {decision.propensity !== null ? (
          <>
            <dt>{t("decision.propensity")}</dt>
            <dd class="num">{percent(decision.propensity)}</dd>
          </>
        ) : null}
        {decision.traceparent ? (
          <>
            <dt>{t("decision.trace")}</dt>
            <dd class="mono">{decision.traceparent.split("-")[1]}</dd>
          </>
        ) : null}
      </dl>
    </div>
  );
}
