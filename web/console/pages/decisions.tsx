//! Owns the decision log: "why did, or didn't, this customer get this". Everything searched for is in the address.
import { Search } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { dayAndClock } from "../../shared/format.ts";
import type { Decisions, DecisionView, Stores } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Badge, Empty } from "../../shared/ui/feedback.tsx";
import { Select, TextField } from "../../shared/ui/field.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { go, place } from "../../shared/ui/route.ts";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { DecisionPanel } from "../parts/decision.tsx";
import { Failed, Head } from "../parts/head.tsx";
import { resyncs } from "../state.ts";
import { t } from "../texts.ts";
import { local, reasonText, shortId } from "../words.ts";

const KINDS = ["customer", "offer", "visit"] as const;
type Kind = (typeof KINDS)[number];
const PAGE = 50;

export function DecisionsPage() {
  const { query } = place.value;
  const kind = KINDS.find((name) => query.has(name));
  const id = kind ? (query.get(kind) ?? "") : "";
  const store = query.get("store") ?? "";
  const search = new URLSearchParams({ ...(kind ? { [kind]: id } : {}), ...(store ? { store } : {}), limit: String(PAGE) });
  const { data, error, again, set } = useLoaded(() => ask<Decisions>(`/v1/decisions?${search}`), [search.toString(), resyncs.value]);
  const stores = useLoaded(() => ask<Stores>("/v1/stores"), []);
  const [more, setMore] = useState(false);
  const [selected, setSelected] = useState<string>();
  const rows = data?.decisions;
  useEffect(() => setSelected(undefined), [search.toString()]);
  const shown = rows?.find((decision) => decision.decision === selected) ?? rows?.[0];

  const older = async () => {
    if (!data?.next) return;
    setMore(true);
    try {
      const next = await ask<Decisions>(`/v1/decisions?${search}&before=${encodeURIComponent(data.next)}`);
      set({ decisions: [...data.decisions, ...next.decisions], next: next.next });
    } finally {
      setMore(false);
    }
  };

  const columns: Column<DecisionView>[] = [
    { key: "at", head: t("decision.at"), cell: (row) => <span class="num nowrap">{dayAndClock(row.at, locale.value)}</span>, sort: (row) => row.at },
    { key: "title", head: t("decision.offer"), cell: (row) => <strong>{local(row.title)}</strong>, sort: (row) => local(row.title) },
    {
      key: "verdict",
      head: t("decision.verdict"),
      cell: (row) => (
        <span class="verdict-cell">
          <Badge tone={row.sent ? "success" : row.reason === "quiet_hours" ? "warning" : "neutral"} dot>
            {row.sent ? t("decision.sent") : t("decision.clause", { clause: row.clause ?? 0 })}
          </Badge>
          {row.sent ? null : <span>{reasonText(row.reason)}</span>}
        </span>
      ),
      sort: (row) => (row.sent ? 0 : (row.clause ?? 11)),
    },
    { key: "customer", head: t("decision.customer"), cell: (row) => <span class="num nowrap">{shortId(row.customer)}</span>, sort: (row) => row.customer },
    { key: "channel", head: t("decision.channel"), cell: (row) => row.channel, sort: (row) => row.channel },
  ];

  return (
    <div class="page">
      <Head title={t("nav.decisions")} />
      <SearchForm
        kind={kind ?? "customer"}
        id={id}
        store={store}
        stores={stores.data}
        onSearch={(next) => {
          const to = new URLSearchParams({ ...(next.id ? { [next.kind]: next.id } : {}), ...(next.store ? { store: next.store } : {}) });
          go(`/console/decisions${to.size > 0 ? `?${to}` : ""}`);
        }}
      />
      {error ? <Failed error={error} again={again} /> : null}
      <div class="split">
        <section class="card flush">
          <Table
            caption={t("nav.decisions")}
            columns={columns}
            rows={error && !rows ? [] : rows}
            rowKey={(row) => row.decision}
            selected={shown?.decision}
            onOpen={(row) => setSelected(row.decision)}
            empty={error ? null : <Empty art={scenicUrl("empty-offers")} title={t(kind || store ? "decisions.none" : "decisions.first")}>{t(kind || store ? "decisions.none_text" : "decisions.first_text")}</Empty>}
          />
          {data?.next ? (
            <div class="table-foot">
              <Button busy={more} onPress={() => void older()}>
                {t("decisions.older")}
              </Button>
            </div>
          ) : null}
        </section>
        {shown ? (
          <aside class="card detail" aria-label={t("decision.title")}>
            <DecisionPanel decision={shown} />
          </aside>
        ) : null}
      </div>
    </div>
  );
}

function SearchForm({ kind, id, store, stores, onSearch }: { kind: Kind; id: string; store: string; stores: Stores | undefined; onSearch: (search: { kind: Kind; id: string; store: string }) => void }) {
  const [by, setBy] = useState<Kind>(kind);
  const [text, setText] = useState(id);
  useEffect(() => {
    setBy(kind);
    setText(id);
  }, [kind, id]);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch({ kind: by, id: text.trim(), store });
      }}
    >
      <Select label={t("decisions.by")} value={by} options={KINDS.map((name) => ({ value: name, label: t(`decision.${name}`) }))} onChange={(value) => setBy(value as Kind)} />
      <TextField label={t("decisions.id")} value={text} onInput={setText} type="search" inputMode="search" name="id" placeholder={t("decisions.id_help")} />
      <Select
        label={t("live.store")}
        value={store}
        options={[{ value: "", label: t("decisions.all_stores") }, ...(stores?.stores ?? []).map((known) => ({ value: known.store, label: known.name }))]}
        onChange={(value) => onSearch({ kind: by, id: text.trim(), store: value })}
      />
      <Button kind="primary" icon={Search} submit>
        {t("decisions.search")}
      </Button>
    </form>
  );
}
