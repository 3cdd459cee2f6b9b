//! Owns a store as it is now: plan with zones and counts, what each screen shows and why, the stream of decisions.
//! Takes: StoreLive by request, then by stream. On failure: keeps the last picture and says how old it is.
import { CircleAlert, CircleCheck, CircleQuestionMark, CircleX, Clock, MapPin, Monitor, Nfc, WifiOff } from "lucide";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { scenicUrl } from "../../shared/art.ts";
import { ago, clockSeconds } from "../../shared/format.ts";
import type { Decisions, DecisionView, DeviceState, ScreenReport, StoreLive, Stores } from "../../shared/types.ts";
import { Dialog } from "../../shared/ui/dialog.tsx";
import { Badge, Empty, Notice, SkeletonBox, SkeletonLines } from "../../shared/ui/feedback.tsx";
import { Select } from "../../shared/ui/field.tsx";
import { Icon } from "../../shared/ui/icon.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { Plan, type PlanMarker, type PlanZone } from "../../shared/ui/plan.tsx";
import { go } from "../../shared/ui/route.ts";
import { type Entry, Timeline } from "../../shared/ui/timeline.tsx";
import { DecisionPanel } from "../parts/decision.tsx";
import { EmergencyPanel } from "../parts/emergency.tsx";
import { Failed, Head } from "../parts/head.tsx";
import { ScreenPreview } from "../parts/scene.tsx";
import { ScreenCommands } from "../parts/screen_commands.tsx";
import { decisions, line, live, resyncs, watch } from "../state.ts";
import { t } from "../texts.ts";
import { NODE_STATES, RULES, local, planWhy, reasonText, shortId } from "../words.ts";

/** Plan units per metre, so that lines and letters have sensible sizes. */
const UNITS = 24;
const STREAM_SHOWN = 30;

type Open = { readonly kind: "screen" | "zone" | "decision"; readonly id: string } | undefined;

export function LivePage({ store }: { store: string | undefined }) {
  const stores = useLoaded(() => ask<Stores>("/v1/stores"), [resyncs.value]);
  const chosen = store ?? stores.data?.stores[0]?.store;
  useEffect(() => {
    if (chosen !== undefined) watch(chosen);
  }, [chosen]);
  const first = useLoaded(() => (chosen === undefined ? Promise.resolve(undefined) : ask<StoreLive>(`/v1/stores/${encodeURIComponent(chosen)}/live`)), [chosen, resyncs.value]);
  const past = useLoaded(() => (chosen === undefined ? Promise.resolve(undefined) : ask<Decisions>(`/v1/decisions?store=${encodeURIComponent(chosen)}&limit=${STREAM_SHOWN}`)), [chosen, resyncs.value]);
  const [open, setOpen] = useState<Open>();

  const now = live.value?.profile.store === chosen ? live.value : first.data?.profile.store === chosen ? first.data : undefined;
  const stream = merged(decisions.value, past.data?.decisions ?? []).filter((decision) => decision.store === null || decision.store === chosen);
  const error = stores.error ?? first.error;

  if (stores.data?.stores.length === 0) {
    return (
      <div class="page">
        <Empty page art={scenicUrl("door")} title={t("live.none")}>
          {t("live.none_text")}
        </Empty>
      </div>
    );
  }
  const link = now ? NODE_STATES[now.link.state] : undefined;
  return (
    <div class="page">
      <Head title={now?.profile.name ?? t("nav.live")}>
        {now && link ? (
          <Badge tone={link.tone} dot>
            {t(link.key)}
            {now.link.pending > 0 ? `, ${t("live.pending", { count: now.link.pending })}` : ""}
          </Badge>
        ) : null}
        <div class="push store-picker">
          {stores.data && chosen !== undefined ? (
            <Select label={t("live.store")} hideLabel value={chosen} options={stores.data.stores.map((known) => ({ value: known.store, label: known.name }))} onChange={(value) => go(`/console/live/${encodeURIComponent(value)}`)} />
          ) : null}
        </div>
      </Head>
      {error && !now ? (
        <Failed
          error={error}
          again={() => {
            stores.again();
            first.again();
          }}
        />
      ) : null}
      {now && (now.link.state === "lost" || now.link.state === "offline") ? (
        <Notice tone="warning" title={t("live.cut")}>
          <p>{t("live.cut_text", { since: now.link.seen_at ? ago(now.link.seen_at, Date.now(), locale.value) : "–", count: now.link.pending })}</p>
        </Notice>
      ) : null}
      {now ? <EmergencyPanel store={now.profile.store} state={now.emergency} /> : null}
      <div class="live">
        <section class="card live-plan" aria-label={t("live.plan")}>
          <div class="counters">
            <Counter value={now?.visits_open} label={t("live.visits")} href={chosen ? `/console/decisions?store=${chosen}` : undefined} />
            <Counter value={now?.zones.reduce((sum, zone) => sum + zone.people, 0)} label={t("live.people")} />
            <Counter value={now?.displays.reduce((sum, display) => sum + display.taps, 0)} label={t("live.taps")} />
            <Counter value={now?.link.state === "online" ? now.devices.filter((device) => device.kind === "screen" && device.state === "online").length : undefined} of={now?.screens.length} label={t("live.screens_on")} />
          </div>
          {now ? <StorePlan now={now} open={open} onOpen={setOpen} /> : <SkeletonBox height="24rem" />}
          {now && now.displays.length > 0 ? (
            <ul class="displays" aria-label={t("live.displays")}>
              {now.displays.map((display) => (
                <li key={display.display}>
                  <Icon node={Nfc} />
                  <strong>{deviceName(now, display.display)}</strong>
                  <span class="small quiet">{deviceState(now, display.display)}</span>
                </li>
              ))}
            </ul>
          ) : null}
        </section>
        <section class="card flush live-stream">
          <div class="stream-frame">
            <div class="card-head">
              <h2>{t("live.stream")}</h2>
              <a class="push small" href={chosen ? `/console/decisions?store=${chosen}` : "/console/decisions"}>
                {t("live.all")}
              </a>
            </div>
            <div class="stream-body" tabIndex={0} role="region" aria-label={t("live.stream")}>
              {past.data === undefined && stream.length === 0 ? (
                <SkeletonLines widths={[80, 60, 75, 65, 70, 55]} />
              ) : stream.length === 0 ? (
                <p class="quiet">{t("live.stream_none")}</p>
              ) : (
                <Timeline label={t("live.stream")} entries={stream.slice(0, STREAM_SHOWN).map((decision) => entry(decision, () => setOpen({ kind: "decision", id: decision.decision })))} />
              )}
            </div>
          </div>
        </section>
        <section class="live-screens stack" aria-label={t("live.screens")}>
          <h2>{t("live.screens")}</h2>
          <ul class="screens">
            {now
              ? now.screens.map((screen) => (
                  <li key={screen.screen}>
                    <ScreenTile screen={screen} state={linkOf(now, screen.screen)} name={deviceName(now, screen.screen)} onOpen={() => setOpen({ kind: "screen", id: screen.screen })} />
                  </li>
                ))
              : [1, 2, 3, 4].map((n) => (
                  <li key={n}>
                    <SkeletonBox height="11rem" />
                  </li>
                ))}
          </ul>
        </section>
      </div>
      {now && open ? <Opened now={now} open={open} stream={stream} onClose={() => setOpen(undefined)} /> : null}
      {line.value === "offline" && now ? <p class="quiet small">{t("live.old", { time: clockSeconds(now.at, locale.value) })}</p> : null}
    </div>
  );
}

function Counter({ value, of, label, href }: { value: number | undefined; of?: number | undefined; label: string; href?: string | undefined }) {
  const figure = value === undefined ? "–" : of === undefined ? String(value) : `${value}/${of}`;
  return (
    <div class="counter">
      {href ? (
        <a class="num counter-value" href={href}>
          {figure}
        </a>
      ) : (
        <span class="num counter-value">{figure}</span>
      )}
      <span class="small quiet">{label}</span>
    </div>
  );
}

function StorePlan({ now, open, onOpen }: { now: StoreLive; open: Open; onOpen: (open: Open) => void }) {
  const zones: PlanZone[] = now.profile.zones.map((zone) => {
    const count = now.zones.find((report) => report.zone === zone.zone);
    return { id: zone.zone, name: local(zone.name), x: zone.x * UNITS + 4, y: zone.y * UNITS + 4, width: zone.w * UNITS - 8, height: zone.h * UNITS - 8, count: count ? Math.max(count.people, count.visits) : undefined };
  });
  const markers: PlanMarker[] = now.profile.devices.flatMap((device) => (device.kind === "screen" || device.kind === "nfc" ? [{ id: device.id, name: local(device.name), kind: device.kind, x: device.x * UNITS, y: device.y * UNITS, off: linkOf(now, device.id) === "offline" }] : []));
  return (
    <Plan
      title={t("live.plan_of", { store: now.profile.name })}
      width={now.profile.width * UNITS}
      height={now.profile.height * UNITS}
      zones={zones}
      markers={markers}
      open={open?.kind === "zone" ? open.id : undefined}
      fewText={t("live.unknown")}
      onZone={(id) => onOpen({ kind: "zone", id })}
      onMarker={(id) => (now.screens.some((screen) => screen.screen === id) ? onOpen({ kind: "screen", id }) : onOpen({ kind: "zone", id: now.displays.find((display) => display.display === id)?.zone ?? "" }))}
    />
  );
}

function ScreenTile({ screen, state, name, onOpen }: { screen: ScreenReport; state: DeviceState; name: string; onOpen: () => void }) {
  return (
    <button type="button" class="screen-tile" onClick={onOpen}>
      {screen.showing ? <ScreenPreview content={screen.showing.content} label={name} /> : <div class="preview blank">{t("live.nothing")}</div>}
      <span class="screen-tile-text">
        <strong>{name}</strong>
        {screen.price_unseen_since ? (
          <Badge tone="danger" icon={CircleAlert}>
            {t("live.price_unseen")}
          </Badge>
        ) : state === "online" ? (
          <span class="small quiet">{screen.showing ? planWhy(screen.showing.why) : t("live.nothing")}</span>
        ) : state === "offline" ? (
          <Badge tone="danger" icon={WifiOff}>
            {t("live.off")}
          </Badge>
        ) : (
          <Badge icon={CircleQuestionMark}>{t("live.not_known")}</Badge>
        )}
      </span>
    </button>
  );
}

function Opened({ now, open, stream, onClose }: { now: StoreLive; open: NonNullable<Open>; stream: readonly DecisionView[]; onClose: () => void }) {
  if (open.kind === "decision") {
    const decision = stream.find((known) => known.decision === open.id);
    return decision ? (
      <Dialog title={t("decision.title")} closeLabel={t("close")} onClose={onClose}>
        <DecisionPanel decision={decision} />
      </Dialog>
    ) : null;
  }
  if (open.kind === "screen") {
    const screen = now.screens.find((known) => known.screen === open.id);
    return screen ? <ScreenDialog store={now.profile.store} screen={screen} name={deviceName(now, screen.screen)} onClose={onClose} /> : null;
  }
  const zone = now.profile.zones.find((known) => known.zone === open.id);
  const report = now.zones.find((known) => known.zone === open.id);
  if (!zone) return null;
  return (
    <Dialog title={local(zone.name)} closeLabel={t("close")} onClose={onClose}>
      <div class="stack">
        <dl class="facts">
          <dt>{t("live.visits")}</dt>
          <dd class="num">{report?.visits ?? "–"}</dd>
          <dt>{t("live.people")}</dt>
          <dd class="num">{report?.people ?? "–"}</dd>
        </dl>
        <ul class="stack-2">
          {now.profile.devices
            .filter((device) => device.zone === zone.zone)
            .map((device) => (
              <li key={device.id} class="row">
                <Icon node={device.kind === "screen" ? Monitor : device.kind === "nfc" ? Nfc : MapPin} />
                {local(device.name)}
                <span class="quiet small">{deviceState(now, device.id)}</span>
              </li>
            ))}
        </ul>
        <p class="small quiet">{t("live.privacy")}</p>
      </div>
    </Dialog>
  );
}

function deviceState(now: StoreLive, id: string): string {
  const display = now.displays.find((known) => known.display === id);
  const screen = now.screens.find((known) => known.screen === id);
  if (!display && !screen) return "";
  const state = linkOf(now, id);
  if (state !== "online") return t(state === "offline" ? "live.off" : "live.not_known");
  return display ? t("live.tap_count", { count: display.taps }) : local(screen?.showing?.content.headline);
}

/** What nobody has reported, nobody knows. */
const linkOf = (now: StoreLive, id: string): DeviceState => now.devices.find((device) => device.id === id)?.state ?? "unknown";

function ScreenDialog({ store, screen, name, onClose }: { store: string; screen: ScreenReport; name: string; onClose: () => void }) {
  const { showing } = screen;
  return (
    <Dialog title={name} closeLabel={t("close")} onClose={onClose}>
      <div class="stack">
        {showing ? <ScreenPreview content={showing.content} label={name} /> : <div class="preview blank">{t("live.nothing")}</div>}
        <div>
          <h3>{t("live.why")}</h3>
          <p>{showing ? t("live.why_text", { why: planWhy(showing.why), rule: t(RULES[showing.rule]) }) : t("live.nothing")}</p>
          {screen.since ? <p class="small quiet">{t("live.since", { time: clockSeconds(screen.since, locale.value), rev: screen.plan_rev })}</p> : null}
          {showing?.offer ? <a href={`/console/offers/${showing.offer}`}>{t("live.open_offer")}</a> : null}
        </div>
        {screen.price_unseen_since ? (
          <Notice tone="danger" title={t("live.price_unseen")}>
            <p>{t("live.price_unseen_text", { time: clockSeconds(screen.price_unseen_since, locale.value) })}</p>
          </Notice>
        ) : null}
        <ScreenCommands store={store} screen={screen.screen} />
        {screen.denied.length > 0 ? (
          <div>
            <h3>{t("live.denied")}</h3>
            <ul class="denied">
              {screen.denied.map((denied) => (
                <li key={denied.event}>
                  <span class="mono">{denied.event}</span>
                  <span>{reasonText(denied.reason)}</span>
                </li>
              ))}
            </ul>
          </div>
        ) : null}
      </div>
    </Dialog>
  );
}

const deviceName = (now: StoreLive, id: string) => local(now.profile.devices.find((device) => device.id === id)?.name) || id;

function merged(fresh: readonly DecisionView[], past: readonly DecisionView[]): DecisionView[] {
  const known = new Set(fresh.map((decision) => decision.decision));
  return [...fresh, ...past.filter((decision) => !known.has(decision.decision))];
}

function entry(decision: DecisionView, onOpen: () => void): Entry {
  const waits = decision.reason === "quiet_hours";
  return {
    key: decision.decision,
    icon: decision.sent ? CircleCheck : waits ? Clock : CircleX,
    tone: decision.sent ? "success" : waits ? "warning" : "neutral",
    time: clockSeconds(decision.at, locale.value),
    dateTime: decision.at,
    fresh: true,
    body: (
      <button type="button" class="entry" onClick={onOpen}>
        <strong>{local(decision.title)}</strong>
        <span class="small">{t("live.entry", { customer: shortId(decision.customer), reason: reasonText(decision.reason) })}</span>
      </button>
    ),
  };
}
