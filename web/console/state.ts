//! Owns what the console knows across pages: who is signed in, the line, the stream of decisions and links.
//! Takes: events of /v1/console/events. Emits: signals. On failure: keeps what it has and says since when.
import { signal } from "@preact/signals";
import { ApiError, type Fault, ask } from "../shared/api.ts";
import { type Line, type LineState, openLine } from "../shared/sse.ts";
import type { DecisionView, Language, LinkEvent, Me, MeChange, NodeLink, OfferView, StoreLive } from "../shared/types.ts";
import { setLocale } from "../shared/ui/locale.ts";
import { withDecision } from "./stream.ts";

export type Session = { readonly state: "unknown" } | { readonly state: "out" } | { readonly state: "customer" } | { readonly state: "in"; readonly me: Me } | { readonly state: "unreachable"; readonly fault: Fault | undefined };

export const session = signal<Session>({ state: "unknown" });
export const line = signal<LineState>("connecting");
export const freshAt = signal<number | undefined>(undefined);
/** Newest first, of the store that is watched. */
export const decisions = signal<readonly DecisionView[]>([]);
export const live = signal<StoreLive | undefined>(undefined);
export const links = signal<Readonly<Record<string, NodeLink>>>({});
/** Link changes seen while this page is open, newest first. */
export const linkEvents = signal<readonly LinkEvent[]>([]);
export const changedOffer = signal<OfferView | undefined>(undefined);
/** Rises when what was missed must be loaded again. */
export const resyncs = signal(0);

const LINK_EVENTS_MAX = 20;
const STAFF = ["marketer", "agent", "operator"];

let stream: { readonly store: string | undefined; readonly line: Line } | undefined;

export async function start(): Promise<void> {
  try {
    signedIn(await ask<Me>("/v1/me"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.value = error.status === 401 || error.status === 403 ? { state: "out" } : { state: "unreachable", fault: error.failure.kind === "problem" ? error.failure.problem : undefined };
  }
}

export function signedIn(me: Me): void {
  if (!me.roles.some((role) => STAFF.includes(role))) {
    session.value = { state: "customer" };
    return;
  }
  setLocale(me.language);
  session.value = { state: "in", me };
  watch(stream?.store);
}

/** The choice goes into the profile, so that the next page and the next mail speak it, too. */
export function chooseLanguage(language: Language): void {
  setLocale(language);
  ask<Me>("/v1/me", { method: "PUT", body: { language } satisfies Partial<MeChange> }).catch(() => undefined);
}

export async function signOut(): Promise<void> {
  await ask("/v1/sign-out", { method: "POST" }).catch(() => undefined);
  signedOut();
}

export function signedOut(): void {
  stream?.line.close();
  stream = undefined;
  session.value = { state: "out" };
  decisions.value = [];
  live.value = undefined;
}

/** One stream for the whole console; it is opened anew when another store is watched. */
export function watch(store: string | undefined): void {
  if (stream && stream.store === store) return;
  stream?.line.close();
  decisions.value = [];
  live.value = undefined;
  const address = store === undefined ? "/v1/console/events" : `/v1/console/events?store=${encodeURIComponent(store)}`;
  stream = {
    store,
    line: openLine(address, {
      event: take,
      state: (state) => {
        if (state === "refused") return signedOut();
        if (state === "live" && line.value === "offline") resyncs.value += 1;
        line.value = state;
      },
      resync: () => {
        resyncs.value += 1;
      },
    }),
  };
}

function take(name: string, data: unknown): void {
  freshAt.value = Date.now();
  switch (name) {
    case "store": {
      const update = data as StoreLive;
      if (stream?.store === undefined || update.profile.store === stream.store) live.value = update;
      links.value = { ...links.value, [update.link.node]: update.link };
      break;
    }
    case "decision":
      decisions.value = withDecision(decisions.value, data as DecisionView);
      break;
    case "link": {
      const change = data as LinkEvent;
      links.value = { ...links.value, [change.link.node]: change.link };
      linkEvents.value = [change, ...linkEvents.value].slice(0, LINK_EVENTS_MAX);
      break;
    }
    case "offer":
      changedOffer.value = data as OfferView;
      break;
  }
}
