//! Owns the why-panel: the clauses of a decision in order, each passed, skipped, waiting or stopping it.
import { CircleCheck, CircleDashed, CircleX, Clock } from "lucide";
import { Icon, type IconNode } from "./icon.tsx";

export type Verdict = "pass" | "stop" | "wait" | "not_reached";
export interface Clause {
  readonly key: string;
  readonly name: string;
  readonly verdict: Verdict;
  /** In words, for the person who asks. */
  readonly text?: string | undefined;
}

const MARKS: Record<Verdict, { node: IconNode; class: string }> = {
  pass: { node: CircleCheck, class: "pass" },
  stop: { node: CircleX, class: "stop" },
  wait: { node: Clock, class: "wait" },
  not_reached: { node: CircleDashed, class: "skip-mark" },
};

export function Why({ label, clauses, verdictNames }: { label: string; clauses: readonly Clause[]; verdictNames: Readonly<Record<Verdict, string>> }) {
  return (
    <ol class="why" aria-label={label}>
      {clauses.map((clause) => (
        <li key={clause.key}>
          <Icon node={MARKS[clause.verdict].node} class={MARKS[clause.verdict].class} />
          <div>
            <p class={clause.verdict === "not_reached" ? "quiet" : clause.verdict === "pass" ? "" : "strong"}>
              {clause.name}
              <span class="sr">: {verdictNames[clause.verdict]}</span>
            </p>
            {clause.text ? <p class="small quiet">{clause.text}</p> : null}
          </div>
        </li>
      ))}
    </ol>
  );
}
