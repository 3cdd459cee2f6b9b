//! Owns the fleet at a glance: each store's line, what it still holds, what it lost, what cannot be applied and what stands still.
//! Takes: /v1/fleet, and links by stream. On failure: keeps the last picture beside the error, and says how old it is.
import { Link2, Link2Off } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { ago, clock, clockSeconds, count, dayAndClock } from "../../shared/format.ts";
import type { Fleet, NodeHealth, NodeLink, QuarantineView } from "../../shared/types.ts";
import { Badge, Empty, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Timeline } from "../../shared/ui/timeline.tsx";
import { alarm, alarms, lostRecords, need } from "../fleet.ts";
import { Failed, Head } from "../parts/head.tsx";
import { NodePanel } from "../parts/node_health.tsx";
import { RecordDialog } from "../parts/quarantine.tsx";
import { line, linkEvents, links, resyncs } from "../state.ts";
import { t } from "../texts.ts";
import { NODE_STATES } from "../words.ts";

interface Row {
  readonly link: NodeLink;
  readonly health: NodeHealth;
}

/** A node says how it is once a minute at most, so that this is soon enough. */
const REFRESH_MS = 15_000;

const recordKey = (record: QuarantineView): string => `${record.node} ${record.stream} ${record.epoch} ${record.seq}`;

export function FleetPage() {
  const { data, error, again } = useLoaded(() => ask<Fleet>("/v1/fleet"), [resyncs.value]);
  // Links come by stream; what nodes say of themselves is read anew, and only while somebody can see it.
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") again();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const [selected, setSelected] = useState<string>();
  const [opened, setOpened] = useState<QuarantineView>();
  const rows = data ? joined(data, links.value) : undefined;
  const failed = error !== undefined && rows === undefined;
  const lost = rows?.filter(({ link, health }) => health.active && link.state === "lost").length ?? 0;
  // Until somebody chooses, the one that needs somebody most; the order of the loaded answer decides, so that nothing jumps.
  const shown = rows?.find(({ link }) => link.node === selected) ?? rows?.reduce<Row | undefined>((worst, row) => (worst && need(worst.link, worst.health) >= need(row.link, row.health) ? worst : row), undefined);
  return (
    <div class="page">
      <Head title={t("nav.fleet")}>
        {lost > 0 ? (
          <Badge tone="danger" dot>
            {t("fleet.lost", { count: lost })}
          </Badge>
        ) : null}
        {line.value === "offline" && data ? <span class="quiet small">{t("fleet.as_of", { time: clock(data.at, locale.value) })}</span> : null}
      </Head>
      {error ? <Failed error={error} again={again} /> : null}
      <div class={rows?.length === 0 || failed ? "fleet alone" : "fleet"}>
        {failed ? null : (
          <section class="card flush fleet-nodes">
            <Table
              caption={t("nav.fleet")}
              columns={nodeColumns()}
              rows={rows}
              rowKey={({ link }) => link.node}
              selected={shown?.link.node}
              onOpen={({ link }) => setSelected(link.node)}
              empty={
                <Empty art={scenicUrl("offline")} title={t("fleet.none")}>
                  {t("fleet.none_text")}
                </Empty>
              }
            />
          </section>
        )}
        {shown ? (
          <aside class="card detail fleet-panel" aria-label={t("fleet.health")}>
            <NodePanel key={shown.link.node} link={shown.link} health={shown.health} onChanged={again} />
          </aside>
        ) : rows === undefined && !failed ? (
          <div class="fleet-panel">
            <SkeletonBox height="28rem" />
          </div>
        ) : null}
        <div class="fleet-rest stack">
          {data ? <Quarantine fleet={data} onOpen={setOpened} /> : null}
          {linkEvents.value.length > 0 ? <LinkEvents /> : null}
        </div>
      </div>
      {opened ? (
        <RecordDialog
          record={opened}
          onSettled={() => {
            setOpened(undefined);
            again();
          }}
          onClose={() => {
            setOpened(undefined);
            again();
          }}
        />
      ) : null}
    </div>
  );
}

function LinkEvents() {
  return (
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
  );
}

function Quarantine({ fleet, onOpen }: { fleet: Fleet; onOpen: (record: QuarantineView) => void }) {
  const columns: Column<QuarantineView>[] = [
    { key: "at", head: t("decision.at"), cell: (row) => <span class="num nowrap">{dayAndClock(row.at, locale.value)}</span>, sort: (row) => row.at },
    { key: "node", head: t("fleet.node"), cell: (row) => row.node, sort: (row) => row.node },
    { key: "type", head: t("fleet.type"), cell: (row) => <span class="nowrap">{row.type_name}</span>, sort: (row) => row.type_name },
    { key: "error", head: t("fleet.error"), cell: (row) => row.error },
    { key: "tries", head: t("fleet.tries"), cell: (row) => count(row.tries, locale.value), sort: (row) => row.tries, end: true },
  ];
  const more = fleet.quarantine_open > fleet.quarantine.length;
  return (
    <section class="stack">
      <div class="row">
        <h2>{t("fleet.quarantine")}</h2>
        {more ? <span class="quiet">{t("fleet.quarantine_more", { shown: fleet.quarantine.length, count: fleet.quarantine_open })}</span> : null}
      </div>
      {fleet.quarantine.length === 0 ? (
        <p class="quiet">{t("fleet.quarantine_none")}</p>
      ) : (
        <div class="card flush">
          <Table caption={t("fleet.quarantine")} columns={columns} rows={fleet.quarantine} rowKey={recordKey} onOpen={onOpen} empty={null} />
        </div>
      )}
    </section>
  );
}

function nodeColumns(): Column<Row>[] {
  return [
    {
      key: "node",
      head: t("fleet.store"),
      cell: ({ link, health }) => (
        <>
          <strong class="nowrap">{health.name}</strong>
          <br />
          <span class="quiet nowrap">{link.node}</span>
        </>
      ),
      sort: ({ health }) => health.name,
    },
    {
      key: "state",
      head: t("fleet.state"),
      cell: ({ link, health }) => (
        <span class="verdict-cell">
          <Badge tone={health.active ? NODE_STATES[link.state].tone : "neutral"} dot>
            {t(health.active ? NODE_STATES[link.state].key : "fleet.replaced")}
          </Badge>
          {health.held.length > 0 ? <Badge tone="danger">{t("fleet.held")}</Badge> : null}
          {alarms(health).slice(0, 1).map((code) => (
            <Badge key={code} tone={alarm(code).tone}>
              {t(alarm(code).key)}
            </Badge>
          ))}
        </span>
      ),
      sort: ({ link, health }) => -need(link, health),
    },
    {
      key: "seen",
      head: t("fleet.seen"),
      cell: ({ link }) => (
        <>
          <span class="nowrap">{link.seen_at ? ago(link.seen_at, Date.now(), locale.value) : t("fleet.never")}</span>
          <br />
          <span class="quiet num nowrap">{link.since ? t("fleet.since_time", { time: dayAndClock(link.since, locale.value) }) : "–"}</span>
        </>
      ),
      sort: ({ link }) => link.seen_at ?? "",
    },
    { key: "pending", head: t("fleet.pending"), cell: ({ link }) => count(link.pending, locale.value), sort: ({ link }) => link.pending, end: true },
    {
      key: "offline",
      head: t("fleet.offline_days"),
      cell: ({ health: { report } }) => (report && report.offline_days !== null ? <span class="nowrap">{t("fleet.days", { count: report.offline_days })}</span> : "–"),
      sort: ({ health }) => health.report?.offline_days ?? -1,
      end: true,
    },
    { key: "lost", head: t("fleet.lost_records"), cell: ({ health }) => <Figure value={lostRecords(health.losses)} />, sort: ({ health }) => lostRecords(health.losses), end: true },
    { key: "quarantined", head: t("fleet.quarantined"), cell: ({ link }) => <Figure value={link.quarantined} />, sort: ({ link }) => link.quarantined, end: true },
  ];
}

const Figure = ({ value }: { value: number }) => (value > 0 ? <Badge tone="warning">{count(value, locale.value)}</Badge> : <>{count(0, locale.value)}</>);

function joined(fleet: Fleet, streamed: Readonly<Record<string, NodeLink>>): Row[] {
  const health = new Map(fleet.health.map((one) => [one.node, one]));
  return fleet.nodes.flatMap((link) => {
    const one = health.get(link.node);
    return one ? [{ link: newest(link, streamed[link.node]), health: one }] : [];
  });
}

/** The stream is newer than the answer, unless the answer came after a resync. */
function newest(loaded: NodeLink, streamed: NodeLink | undefined): NodeLink {
  if (!streamed) return loaded;
  return (streamed.seen_at ?? "") >= (loaded.seen_at ?? "") ? streamed : loaded;
}
