//! Owns the wiring of a signage screen: pairing, the plan's stream, zones, proof of play, commands.
//! Takes: `/player/{screen}`, a key once, plans and commands over SSE. Emits: pictures, plays, state, touches.
//! On failure: plays the last plan it knows, from its own memory and cache, for as long as the node is away.
import { ask, clockSkewMs, newKey } from "../shared/api.ts";
import { artUrl } from "../shared/art.ts";
import { deviceId, pair } from "../shared/device/session.ts";
import { keepAwake } from "../shared/device/wake.ts";
import { initialLocale } from "../shared/i18n.ts";
import de from "../shared/locales/player.de.json";
import en from "../shared/locales/player.en.json";
import { BRAND_MARK } from "../shared/scene.ts";
import { openLine } from "../shared/sse.ts";
import type { Content, Engagement, PlanItem, Play, ScreenCommand, ScreenInteraction, ScreenPlan, ScreenState } from "../shared/types.ts";
import { sequence } from "./loop.ts";
import { rememberPlan, rememberRunning, rememberedPlan, rememberedRunning } from "./memory.ts";
import { PlayQueue } from "./queue.ts";
import { buildStage, sameLayout } from "./stage.ts";
import "./style.css";
import { testCard } from "./test_card.ts";
import { Zone, type ZoneHost } from "./zone.ts";

const BEAT_MS = 5_000;
/** Touches of one screen closer together are one touch. */
const TOUCH_MS = 2_000;
/** Commands remembered, so that one delivered twice is done once. */
const DONE_MAX = 64;
const CLOCK_TOLERANCE_MS = 2_000;

const locale = initialLocale();
document.documentElement.lang = locale;
const texts = { de, en }[locale];
const BRAND: Content = { class: "P0", headline: { de: de.brand, en: en.brand }, line: { de: de.brand_line, en: en.brand_line }, image: "brand", price: null, was: null, segment: null };

const screen = deviceId(location.pathname);
const path = `/v1/screens/${encodeURIComponent(screen)}`;
const root = document.createElement("main");
root.id = "screen";
document.body.append(root);

const boot = newKey();
const plays = await PlayQueue.open(screen, boot);
/** Begun and not ended, per layout zone, with the monotonic instant of the beginning. */
const running: Record<string, { readonly play: Play; readonly since: number; touches: number }> = {};
/** Written down so that a power cut loses no play, only the seconds since the last beat. */
const noteRunning = () => {
  const now = performance.now();
  rememberRunning(screen, Object.fromEntries(Object.entries(running).map(([zone, { play, since }]) => [zone, { ...play, duration_ms: Math.round(now - since) }])));
};
let plan: ScreenPlan | undefined;
let zones = new Map<string, Zone>();
/** Of the plan whose item is on the screen in the main zone. A price is acknowledged when it is drawn, not when it has come. */
let drawn: number | null = null;
let paired = false;
let lastFrame = performance.now();

const now = () => Date.now() - (clockSkewMs() ?? 0);
const isSynced = () => Math.abs(clockSkewMs() ?? Infinity) <= CLOCK_TOLERANCE_MS;

const hostOf = (zone: string): ZoneHost => {
  const begin = (item: PlanItem): Play => ({
    screen,
    boot,
    seq: plays.nextSeq(),
    zone,
    event: item.event,
    offer: item.offer,
    offer_rev: item.offer_rev,
    rule: item.rule,
    started_at: new Date(now()).toISOString(),
    duration_ms: 0,
    clock_synced: isSynced(),
    outcome: "cut",
    display_power: "unknown",
    schedule: item.schedule ?? null,
    creative_sha256: item.creative_sha256 ?? null,
    mono_ms: Math.round(performance.now()),
    cut_by: null,
    engagements: [],
    names: item.names ?? {},
  });
  return {
    now,
    // With another time than the others it plays alone rather than out of step.
    epoch: () => (plan?.sync && isSynced() ? Date.parse(plan.sync.epoch) : undefined),
    started(item) {
      const play = begin(item);
      const since = performance.now();
      const begun = { play, since, touches: 0 };
      running[zone] = begun;
      noteRunning();
      let open = true;
      return {
        end(outcome, cutBy) {
          if (!open) return;
          open = false;
          if (running[zone]?.play === play) delete running[zone];
          noteRunning();
          const engagements: Engagement[] = begun.touches > 0 ? [{ kind: "touch", n: begun.touches }] : [];
          void plays.add({ ...play, outcome, cut_by: cutBy, engagements, duration_ms: Math.round(performance.now() - since) });
        },
      };
    },
    failed: (item) => void plays.add({ ...begin(item), outcome: "failed" }),
    drew(rev) {
      if (zone !== mainZone()) return;
      drawn = rev;
      if (paired) beat();
    },
  };
};

function apply(fresh: ScreenPlan): void {
  if (plan && fresh.rev < plan.rev && fresh.made_at < plan.made_at) return;
  const relaid = !sameLayout(plan?.layout, fresh.layout);
  plan = fresh;
  if (relaid) {
    for (const zone of zones.values()) zone.stop();
    zones = new Map();
    const elements = buildStage(root, fresh.layout);
    for (const zone of fresh.layout.zones) {
      const element = elements.get(zone.id);
      if (element) zones.set(zone.id, new Zone(element, zone.kind, BRAND, locale, hostOf(zone.id)));
    }
  }
  for (const [id, zone] of zones) {
    const planned = fresh.zones.find(({ zone }) => zone === id);
    zone.setItems(planned ? sequence(planned) : [], fresh.rev);
  }
  if (relaid) for (const zone of zones.values()) void zone.run();
}

const mainZone = () => plan?.layout.zones.find((zone) => zone.kind === "main")?.id ?? "";
const main = () => zones.get(mainZone());

/** So that a power cut in the next minute finds the page and every picture of the plan on this machine. */
function keepForLater(needed: ScreenPlan): void {
  if (!("serviceWorker" in navigator)) return;
  const pictures = needed.zones.flatMap((zone) => zone.items.map((item) => artUrl(item.content.image)));
  const paths = [...new Set([location.pathname, artUrl(BRAND.image), BRAND_MARK, ...pictures])];
  navigator.serviceWorker.ready.then((worker) => worker.active?.postMessage(paths), () => undefined);
}

const done: string[] = [];
function obey({ id, issued_at, ttl_s, command }: ScreenCommand): void {
  if (done.includes(id) || now() > Date.parse(issued_at) + ttl_s * 1000) return;
  done.push(id);
  if (done.length > DONE_MAX) done.shift();
  switch (command.kind) {
    case "identify": {
      const card = testCard(screen);
      document.body.append(card);
      setTimeout(() => card.remove(), command.for_s * 1000);
      break;
    }
    case "show":
      main()?.show(command.content, performance.now() + command.for_s * 1000);
      break;
    case "revert":
      main()?.revert();
      break;
    case "restart":
      location.reload();
      break;
  }
}

const report = (body: ScreenState) => ask(`${path}/state`, { method: "PUT", body }).catch(() => undefined);
const beat = () => {
  noteRunning();
  // A renderer that no longer draws must not say that it does.
  if (performance.now() - lastFrame < BEAT_MS * 2) void report({ online: true, plan_rev: drawn, software: __VERSION__ });
};
const draw = () => {
  lastFrame = performance.now();
  requestAnimationFrame(draw);
};

let touched = -Infinity;
addEventListener("pointerdown", (event) => {
  if (performance.now() - touched < TOUCH_MS) return;
  touched = performance.now();
  const zone = (event.target as Element).closest<HTMLElement>("[data-zone]")?.dataset["zone"] ?? null;
  const touchedPlay = zone === null ? undefined : running[zone];
  if (touchedPlay) touchedPlay.touches += 1;
  const body: ScreenInteraction = { kind: "touch", zone };
  ask(`${path}/interactions`, { method: "POST", body }).catch(() => undefined);
});

function say(text: string | undefined): void {
  document.querySelector(".unpaired")?.remove();
  if (text === undefined) return;
  const note = document.createElement("p");
  note.className = "unpaired";
  note.role = "alert";
  note.textContent = text;
  document.body.append(note);
}

for (const play of rememberedRunning(screen)) await plays.add({ ...play, cut_by: "restart" });
rememberRunning(screen, {});
keepAwake();
requestAnimationFrame(draw);
const remembered = rememberedPlan(screen);
apply(remembered ?? { screen, rev: 0, layout: { width: 1920, height: 1080, zones: [{ id: "main", kind: "main", x: 0, y: 0, w: 1920, h: 1080 }] }, zones: [], denied: [], made_at: new Date(0).toISOString(), traceparent: null, sync: null });
if (new URLSearchParams(location.search).has("testcard")) document.body.append(testCard(screen));
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/player/sw.js", { scope: "/player/" }).catch(() => undefined);

if ((await pair("screen", screen)) === "refused") {
  // Once there was content, a screen never shows its own troubles.
  if (!remembered) say(texts.refused);
} else {
  paired = true;
  openLine(`${path}/events`, {
    event(name, data) {
      if (name === "plan") {
        rememberPlan(data as ScreenPlan);
        keepForLater(data as ScreenPlan);
        apply(data as ScreenPlan);
        say(undefined);
        beat();
      }
      if (name === "command") obey(data as ScreenCommand);
    },
    state(state) {
      if (state === "live") void plays.send();
      if (state === "refused" && !remembered) say(texts.unpaired.replace("{screen}", screen));
    },
    resync: () => undefined,
  }, { display: true });
  setInterval(beat, BEAT_MS);
}
