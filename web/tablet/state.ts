//! Owns what the tablet knows: the node's view, and what a customer shared, in memory alone.
//! Takes: `view` over SSE, touches. Emits: signals that pages draw; signs that it is there; that nothing is left.
//! On failure: keeps the last view, hides what was shared as soon as the view is another or the line is cut for long; says that nothing is
//! left until the node has heard it.
import { signal } from "@preact/signals";
import { ApiError, ask, clockSkewMs } from "../shared/api.ts";
import { deviceId, pair } from "../shared/device/session.ts";
import { type LineState, openLine } from "../shared/sse.ts";
import type { OfferAdvice, ReadShared, Scope, SealedFields, SharedField, StaffCard, StaffOnShift, StaffSignIn, TabletSign, TabletView } from "../shared/types.ts";
import { glass } from "./glass.ts";
import { opener } from "./seal.ts";

/** The node gives a tablet up after 30 s without a sign. */
const SIGN_MS = 10_000;
/** Wait before the node is told again that nothing is left. */
const AGAIN_MS = 1_000;
/** A page that is not in front is drawn by nobody: then this is waited for instead. */
const DRAWN_MS = 500;

export type Section = { readonly state: "loading" } | { readonly state: "failed" } | { readonly state: "here"; readonly fields: readonly SharedField[] };

export const view = signal<TabletView | undefined>(undefined);
export const line = signal<LineState>("connecting");
export const shared = signal<ReadonlyMap<Scope, Section>>(new Map());
/** Who is on shift, as far as this page was told. */
export const staff = signal<StaffCard | undefined>(undefined);
/** An end that was read; the node shows it until the next offer. */
export const seen = signal<string | undefined>(undefined);

const tablet = deviceId(location.pathname);
const path = `/v1/tablets/${encodeURIComponent(tablet)}`;
export const now = () => Date.now() - (clockSkewMs() ?? 0);

let consultation: string | undefined;
/** Of which something is or was on this page, and the node was not yet told that it is gone. */
const owed = new Set<string>();
let telling = false;
/** The word to the node that is under way: what is read after it comes after it. */
let word: Promise<void> | undefined;
let touched = true;
/** The node's last word; this page may show less than it says. */
let said: TabletView | undefined;
let locked = false;
const kept = glass({ hide, lock, now });

export async function start(): Promise<void> {
  if ((await pair("tablet", tablet)) === "refused") {
    line.value = "refused";
    return;
  }
  openLine(`${path}/events`, { event: take, state: lineChanged, resync: () => undefined }, { display: true });
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, touch, { passive: true });
  sign();
  setInterval(sign, SIGN_MS);
}

function touch(): void {
  // Behind the lock only badge and PIN count, here as at the node.
  if (locked) return;
  touched = true;
  kept.touched();
}

function sign(): void {
  const body: TabletSign = { touched };
  touched = false;
  ask(`${path}/signs`, { method: "POST", body }).catch(() => undefined);
}

function lineChanged(state: LineState): void {
  line.value = state;
  kept.line(state);
}

function take(name: string, data: unknown): void {
  if (name !== "view") return;
  const next = data as TabletView;
  const first = said === undefined;
  said = next;
  if ("staff" in next) staff.value = next.staff;
  if (locked && next.state !== "locked") return;
  locked = false;
  view.value = next;
  if (next.state === "active" && !next.suspended) {
    const fresh = consultation !== next.handshake;
    if (fresh) forget();
    consultation = next.handshake;
    kept.until(Date.parse(next.until) + (clockSkewMs() ?? 0));
    for (const scope of next.scopes) if (fresh || !shared.value.has(scope)) void read(scope);
    for (const scope of shared.value.keys()) if (!next.scopes.includes(scope)) drop(scope);
    return;
  }
  // A page that was loaded anew holds nothing, and the node may wait to hear so.
  if (first && next.state === "over") owed.add(next.handshake);
  forget();
}

/** The line is cut for long, or the time is over: nothing is left, and the page says that it waits. */
function hide(): void {
  const current = view.value;
  forget();
  if (current?.state === "active") view.value = { ...current, suspended: true };
}

/** Nobody touched it for a minute. The node finds out by the signs; until then this page locks by itself. */
function lock(): void {
  if (said === undefined || said.state === "locked") return;
  locked = true;
  view.value = { state: "locked", first_name: staff.value?.first_name ?? null };
  forget();
}

/** Values go with the signal; the page is drawn before the node is told that nothing is left. */
function forget(): void {
  kept.until(undefined);
  consultation = undefined;
  shared.value = new Map();
  void tell();
}

/** Says that nothing is left, until the node has heard it or the same consultation is shown again. */
async function tell(): Promise<void> {
  if (telling || owed.size === 0) return;
  telling = true;
  try {
    await new Promise<void>((drawn) => {
      requestAnimationFrame(() => setTimeout(drawn));
      setTimeout(drawn, DRAWN_MS);
    });
    for (;;) {
      const gone = [...owed].find((id) => id !== consultation);
      if (gone === undefined) return;
      word = purged(gone);
      await word;
      if (owed.has(gone)) await new Promise((again) => setTimeout(again, AGAIN_MS));
    }
  } finally {
    telling = false;
  }
}

async function purged(handshake: string): Promise<void> {
  try {
    await ask(`${path}/handshakes/${handshake}/purged`, { method: "POST" });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Only the way there is mended by trying again; a node that knows of no such handshake waits for none.
    if (error.status === 0 || error.status >= 500) return;
  }
  owed.delete(handshake);
}

function put(scope: Scope, section: Section): void {
  shared.value = new Map(shared.value).set(scope, section);
}

function drop(scope: Scope): void {
  const left = new Map(shared.value);
  left.delete(scope);
  shared.value = left;
}

export async function read(scope: Scope): Promise<void> {
  const handshake = consultation;
  if (handshake === undefined) return;
  put(scope, { state: "loading" });
  await word;
  if (consultation !== handshake) return;
  owed.add(handshake);
  let section: Section;
  try {
    const { key, open } = await opener();
    const body: ReadShared = { scope, key };
    const sealed = await ask<SealedFields>(`${path}/handshakes/${handshake}/reads`, { method: "POST", body });
    section = { state: "here", fields: (await open(handshake, sealed)).fields };
  } catch {
    section = { state: "failed" };
  }
  // It may have ended meanwhile: then nothing of it may appear.
  if (consultation === handshake) put(scope, section);
  else {
    owed.add(handshake);
    void tell();
  }
}

// --- what staff do ------------------------------------------------------------------------------------------------------

export type Failure = "wrong_pin" | "too_many_tries" | "no_relay" | "other";

async function done(run: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.code === "wrong_pin" || error.code === "too_many_tries" || error.code === "no_relay" ? error.code : "other";
  }
}

export const signIn = (body: StaffSignIn) => done(ask<StaffOnShift>(`${path}/shift`, { method: "POST", body }).then(unlock));

function unlock(answer: StaffOnShift): void {
  staff.value = answer.staff;
  locked = false;
  touch();
  // The view may have come before this answer, or not change at all where the node had not locked yet.
  if (said !== undefined && said.state !== "locked") take("view", said);
}

export const signOut = () => done(ask(`${path}/shift`, { method: "DELETE" }));
export const offer = (body: OfferAdvice) => done(ask(`${path}/offers`, { method: "POST", body }));
export const end = (handshake: string) => done(ask(`${path}/handshakes/${handshake}/end`, { method: "POST" }));
