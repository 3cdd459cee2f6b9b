//! Owns the fleet at a glance: each node's line, what it still holds, what cannot be applied.
import { Link2, Link2Off } from "lucide";
import { ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { ago, clockSeconds, count, dayAndClock } from "../../shared/format.ts";
import type { Fleet, NodeLink, QuarantineView } from "../../shared/types.ts";
import { Badge, Empty } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Timeline } from "../../shared/ui/timeline.tsx";
import { Failed, Head } from "../parts/head.tsx";
import { linkEvents, links, resyncs } from "../state.ts";
import { t } from "../texts.ts";
import { NODE_STATES } from "../words.ts";

export function FleetPage() {
  const { data, error, again } = useLoaded(() => ask<Fleet>("/v1/fleet"), [resyncs.value]);
  const nodes = data?.nodes.map((node) => newest(node, links.value[node.node]));
  const lost = nodes?.filter((node) => node.state === "lost").length ?? 0;
  const columns: Column<NodeLink>[] = [
    {
      key: "node",
      head: t("fleet.node"),
      cell: (row) => (
        <>
          <strong class="nowrap">{row.node}</strong>
          <br />
          <span class="quiet">{row.software || "–"}</span>
        </>
      ),
      sort: (row) => row.node,
    },
    {
      key: "state",
      head: t("fleet.state"),
      cell: (row) => (
        <Badge tone={NODE_STATES[row.state].tone} dot>
          {t(NODE_STATES[row.state].key)}
        </Badge>
      ),
      sort: (row) => row.state,
    },
    { key: "seen", head: t("fleet.seen"), cell: (row) => <span class="nowrap">{row.seen_at ? ago(row.seen_at, Date.now(), locale.value) : t("fleet.never")}</span>, sort: (row) => row.seen_at ?? "" },
    { key: "since", head: t("fleet.since"), cell: (row) => <span class="num nowrap">{row.since ? dayAndClock(row.since, locale.value) : "–"}</span>, sort: (row) => row.since ?? "" },
    { key: "pending", head: t("fleet.pending"), cell: (row) => count(row.pending, locale.value), sort: (row) => row.pending, end: true },
    { key: "applied", head: t("fleet.applied"), cell: (row) => count(row.applied, locale.value), sort: (row) => row.applied, end: true },
    { key: "quarantined", head: t("fleet.quarantined"), cell: (row) => (row.quarantined > 0 ? <Badge tone="warning">{count(row.quarantined, locale.value)}</Badge> : "0"), sort: (row) => row.quarantined, end: true },
  ];
  const held: Column<QuarantineView>[] = [
    { key: "at", head: t("decision.at"), cell: (row) => <span class="num nowrap">{dayAndClock(row.at, locale.value)}</span>, sort: (row) => row.at },
    { key: "node", head: t("fleet.node"), cell: (row) => row.node, sort: (row) => row.node },
    { key: "type", head: t("fleet.type"), cell: (row) => <span class="mono">{row.type_name}</span>, sort: (row) => row.type_name },
    { key: "error", head: t("fleet.error"), cell: (row) => row.error },
  ];
  return (
    <div class="page">
      <Head title={t("nav.fleet")}>{nodes && lost > 0 ? <Badge tone="danger" dot>{t("fleet.lost", { count: lost })}</Badge> : null}</Head>
      {error ? <Failed error={error} again={again} /> : null}
      <section class="card flush">
        <Table caption={t("nav.fleet")} columns={columns} rows={error && !nodes ? [] : nodes} rowKey={(row) => row.node} empty={error ? null : <Empty art={scenicUrl("offline")} title={t("fleet.none")}>{t("fleet.none_text")}</Empty>} />
      </section>
      {linkEvents.value.length > 0 ? (
        <section class="card stack">
          <h2>{t("fleet.events")}</h2>
          <Timeline
            label={t("fleet.events")}
            entries={linkEvents.value.map((event) => ({
              key: `${event.link.node} ${event.at}`,
              icon: event.link.state === "online" ? Link2 : Link2Off,
              tone: NODE_STATES[event.link.state].tone,
              time: clockSeconds(event.at, locale.value),
              dateTime: event.at,
              fresh: true,
              body: <p>{t("fleet.event", { node: event.link.node, state: t(NODE_STATES[event.link.state].key) })}</p>,
            }))}
          />
        </section>
      ) : null}
      <section class="stack">
        <h2>{t("fleet.quarantine")}</h2>
        {data?.quarantine.length === 0 ? (
          <p class="quiet">{t("fleet.quarantine_none")}</p>
        ) : data ? (
          <div class="card flush">
            <Table caption={t("fleet.quarantine")} columns={held} rows={data.quarantine} rowKey={(row) => `${row.node} ${row.event}`} empty={null} />
          </div>
        ) : null}
      </section>
    </div>
  );
}

/** The stream is newer than the answer, unless the answer came after a resync. */
function newest(loaded: NodeLink, streamed: NodeLink | undefined): NodeLink {
  if (!streamed) return loaded;
  return (streamed.seen_at ?? "") >= (loaded.seen_at ?? "") ? streamed : loaded;
}
