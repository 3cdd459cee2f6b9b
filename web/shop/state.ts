//! Owns what the shop knows: who is signed in, the visit, the own offers, bookmarks; fed by answers and the own stream.
//! Takes: events of /v1/me/events. Emits: signals that pages draw. Nothing of it is ever written to the phone's storage.
//! On failure: keeps what it has, says since when; a session that ended leads to sign-in.
import { signal } from "@preact/signals";
import { ApiError, type Fault, ask, clockSkewMs, newKey } from "../shared/api.ts";
import { type Line, type LineState, openLine } from "../shared/sse.ts";
import type { Bookmark, Bookmarks, Card, CheckInRefusal, Consents, Feed, HandshakeReceipt, Home, Me, MeChange, PushMessage, VisitView } from "../shared/types.ts";
import { setLocale } from "../shared/ui/locale.ts";
import { toast } from "../shared/ui/toast.tsx";
import { alive, backAt, withCard, withoutCard } from "./feed.ts";
import { t } from "./texts.ts";
import { uncrossed } from "./uncrossed.ts";

export type Session = { readonly state: "unknown" } | { readonly state: "out" } | { readonly state: "in"; readonly me: Me } | { readonly state: "unreachable"; readonly fault: Fault | undefined };

export const session = signal<Session>({ state: "unknown" });
export const line = signal<LineState>("connecting");
/** When the data on screen was last true for certain. */
export const freshAt = signal<number | undefined>(undefined);
export const home = signal<Home | undefined>(undefined);
export const cards = signal<readonly Card[] | undefined>(undefined);
export const bookmarks = signal<readonly Bookmark[] | undefined>(undefined);
export const consents = signal<Consents | undefined>(undefined);
export const visit = signal<VisitView | undefined>(undefined);
/** Rises when a visit has opened or closed: the list of visits is then old. */
export const visitChanges = signal(0);
/** The first answers are all there, or have failed: from here on, home stands in its final layout. */
export const arrived = signal(false);
export const push = signal<PushMessage | undefined>(undefined);
/** The last handshake as the cloud tells it: who may see what, until when. */
export const handshake = signal<HandshakeReceipt | undefined>(undefined);
/** The last refusal of a check-in that the store sent, for the page that waits for it. */
export const refusal = signal<CheckInRefusal | undefined>(undefined);
/** The visit that was just opened by this phone and not yet celebrated. */
export const justOpened = signal<VisitView | undefined>(undefined);

let stream: Line | undefined;

/** Offers end by the server's clock; a phone may be minutes off. */
const now = () => Date.now() - (clockSkewMs() ?? 0);

export async function start(): Promise<void> {
  try {
    signedIn(await ask<Me>("/v1/me"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.value = error.status === 401 || error.status === 403 ? { state: "out" } : { state: "unreachable", fault: error.failure.kind === "problem" ? error.failure.problem : undefined };
  }
}

export function signedIn(me: Me): void {
  setLocale(me.language);
  session.value = { state: "in", me };
  visit.value = me.visit && me.visit.closed_at === null ? me.visit : undefined;
  void refresh();
  if (!stream) stream = openLine("/v1/me/events", { event: take, state: lineChanged, resync: () => void refresh() });
}

export function signedOut(): void {
  stream?.close();
  stream = undefined;
  session.value = { state: "out" };
  arrived.value = false;
  for (const kept of [home, cards, bookmarks, consents, visit, push, justOpened, refusal, handshake]) kept.value = undefined;
}

let heard = 0;
let refreshes = 0;

/** Each part by itself: one that fails leaves its last state on screen. A later refresh makes an earlier one void. */
export async function refresh(): Promise<void> {
  refreshes += 1;
  const mine = refreshes;
  const part = async <T>(path: string, into: (answer: T) => void) => {
    try {
      const answer = await uncrossed(() => ask<T>(path), () => heard);
      if (mine !== refreshes || answer === undefined) return;
      into(answer);
      freshAt.value = Date.now();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) signedOut();
    }
  };
  await Promise.all([
    part<Home>("/v1/me/home", (answer) => (home.value = answer)),
    part<Feed>("/v1/me/feed", (answer) => (cards.value = alive(answer.cards, now()).filter(({ card }) => !waiting.has(card)))),
    part<Bookmarks>("/v1/me/bookmarks", (answer) => (bookmarks.value = answer.bookmarks)),
  ]);
  if (mine === refreshes) arrived.value = true;
}

function lineChanged(state: LineState): void {
  if (state === "refused") return signedOut();
  // What happened before the stream stood was heard by nobody.
  if (state === "live") void refresh();
  line.value = state;
}

function take(name: string, data: unknown): void {
  heard += 1;
  freshAt.value = Date.now();
  switch (name) {
    case "card":
      cards.value = withCard(cards.value ?? [], data as Card);
      break;
    case "card_removed":
      cards.value = withoutCard(cards.value ?? [], (data as Card).card);
      break;
    case "visit":
      visitChanged(data as VisitView);
      break;
    case "checkin_refused":
      refusal.value = data as CheckInRefusal;
      break;
    case "push":
      push.value = data as PushMessage;
      break;
    case "home":
      home.value = data as Home;
      break;
    case "consent":
      consents.value = data as Consents;
      break;
    case "handshake":
      handshake.value = data as HandshakeReceipt;
      break;
    case "bookmark":
      bookmarks.value = (data as Bookmarks).bookmarks;
      break;
  }
}

function visitChanged(changed: VisitView): void {
  visitChanges.value += 1;
  if (changed.closed_at !== null) {
    if (visit.value?.visit === changed.visit) visit.value = undefined;
    return;
  }
  if (visit.value?.visit !== changed.visit) justOpened.value = changed;
  visit.value = changed;
}

// --- what a person does -------------------------------------------------------------------------------------------------

/** Says what went wrong without taking the page away. */
export const failed = (error: unknown) => {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) return signedOut();
  toast(error.failure.kind === "offline" ? t("offline.try") : t("error.short", { reference: error.failure.problem.instance ?? "–" }));
};

export async function setBookmark(offer: string, on: boolean): Promise<void> {
  const mark = (marked: boolean) => {
    cards.value = cards.value?.map((card) => (card.offer === offer ? { ...card, bookmarked: marked } : card));
  };
  mark(on);
  const before = bookmarks.value;
  if (!on) bookmarks.value = before?.filter((bookmark) => bookmark.offer !== offer);
  try {
    const answer = on
      ? await ask<Bookmarks>("/v1/me/bookmarks", { method: "POST", body: { offer }, idempotencyKey: newKey() })
      : await ask<Bookmarks>(`/v1/me/bookmarks/${encodeURIComponent(offer)}`, { method: "DELETE" });
    bookmarks.value = answer.bookmarks;
    if (!on) toast(t("bookmark.removed"), { label: t("undo"), run: () => void setBookmark(offer, true) });
  } catch (error) {
    mark(!on);
    bookmarks.value = before;
    failed(error);
  }
}

/** Long enough to reach "undo"; only then the server hears of it, because there it cannot be undone. */
const UNDO_MS = 6_000;
const waiting = new Map<string, { timer: ReturnType<typeof setTimeout>; tell: () => void }>();

export function dismiss(card: Card, outcome: "dismissed" | "not_interesting"): void {
  const at = cards.value?.findIndex((known) => known.card === card.card) ?? 0;
  cards.value = withoutCard(cards.value ?? [], card.card);
  const tell = () => {
    waiting.delete(card.card);
    ask(`/v1/me/cards/${encodeURIComponent(card.card)}/outcomes`, { method: "POST", body: { outcome }, idempotencyKey: newKey(), keepalive: true }).catch(failed);
  };
  waiting.set(card.card, { timer: setTimeout(tell, UNDO_MS), tell });
  toast(t("card.gone"), {
    label: t("undo"),
    run: () => {
      clearTimeout(waiting.get(card.card)?.timer);
      waiting.delete(card.card);
      cards.value = backAt(cards.value ?? [], card, at);
    },
  });
}
addEventListener("pagehide", () => {
  for (const { timer, tell } of waiting.values()) {
    clearTimeout(timer);
    tell();
  }
});

export function tellOpened(card: Card): void {
  ask(`/v1/me/cards/${encodeURIComponent(card.card)}/outcomes`, { method: "POST", body: { outcome: "opened" }, idempotencyKey: newKey() }).catch(() => undefined);
}

export async function checkOut(open: VisitView): Promise<void> {
  try {
    await ask(`/v1/visits/${encodeURIComponent(open.visit)}/checkout`, { method: "POST", idempotencyKey: `checkout-${open.visit}` });
    visit.value = undefined;
    toast(t("checkout.done", { store: open.store_name }));
  } catch (error) {
    failed(error);
  }
}

export async function changeMe(body: Partial<MeChange>): Promise<void> {
  try {
    const me = await ask<Me>("/v1/me", { method: "PUT", body });
    setLocale(me.language);
    // Whether the first page on consent is done is this page's to say, not an answer's.
    const before = session.value;
    session.value = { state: "in", me: { ...me, new: before.state === "in" && before.me.new } };
  } catch (error) {
    failed(error);
  }
}

export async function signOut(): Promise<void> {
  await ask("/v1/sign-out", { method: "POST" }).catch(() => undefined);
  signedOut();
}

/** Offers end while the page is open; a coarse grain is enough because the server refuses them anyway. */
const SWEEP_MS = 20_000;
setInterval(() => {
  const instant = now();
  if (cards.value?.some((card) => instant >= Date.parse(card.until))) cards.value = alive(cards.value, instant);
}, SWEEP_MS);

/** A phone that sleeps loses its line; on waking, what is on screen must be true. */
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && session.value.state === "in" && line.value !== "live") void refresh();
});
