//! Owns what the tablet knows: the node's view, and what a customer shared, in memory alone.
//! Takes: `view` over SSE, touches. Emits: signals that pages draw; signs that it is there; that nothing is left.
//! On failure: keeps the last view, hides what was shared as soon as the view is another or the line is cut for long.
import { signal } from "@preact/signals";
import { ApiError, ask, clockSkewMs } from "../shared/api.ts";
import { deviceId, pair } from "../shared/device/session.ts";
import { type LineState, openLine } from "../shared/sse.ts";
import type { OfferAdvice, ReadShared, Scope, SealedFields, SharedField, StaffCard, StaffSignIn, TabletSign, TabletView } from "../shared/types.ts";
import { opener } from "./seal.ts";

/** The node gives a tablet up after 30 s without a sign. */
const SIGN_MS = 10_000;
/** Without the node for this long nothing shared may stay on the glass. */
const HIDE_MS = 30_000;

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
let touched = true;
let hide: ReturnType<typeof setTimeout> | undefined;

export async function start(): Promise<void> {
  if ((await pair("tablet", tablet)) === "refused") {
    line.value = "refused";
    return;
  }
  openLine(`${path}/events`, { event: take, state: lineChanged, resync: () => undefined }, { display: true });
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => (touched = true), { passive: true });
  sign();
  setInterval(sign, SIGN_MS);
}

function sign(): void {
  const body: TabletSign = { touched };
  touched = false;
  ask(`${path}/signs`, { method: "POST", body }).catch(() => undefined);
}

function lineChanged(state: LineState): void {
  line.value = state;
  clearTimeout(hide);
  if (state === "offline" || state === "refused") hide = setTimeout(forget, HIDE_MS);
}

function take(name: string, data: unknown): void {
  if (name !== "view") return;
  const next = data as TabletView;
  const before = view.value;
  if ("staff" in next) staff.value = next.staff;
  view.value = next;
  if (next.state === "active" && !next.suspended) {
    const fresh = consultation !== next.handshake;
    if (fresh) forget();
    consultation = next.handshake;
    for (const scope of next.scopes) if (fresh || !shared.value.has(scope)) void read(scope);
    for (const scope of shared.value.keys()) if (!next.scopes.includes(scope)) drop(scope);
    return;
  }
  forget();
  if (next.state === "over" && before?.state === "active") void purged(next.handshake);
}

/** Values go with the signal; the page is drawn before the node is told that nothing is left. */
function forget(): void {
  consultation = undefined;
  shared.value = new Map();
}

async function purged(handshake: string): Promise<void> {
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  await ask(`${path}/handshakes/${handshake}/purged`, { method: "POST" }).catch(() => undefined);
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

export const signIn = (body: StaffSignIn) => done(ask(`${path}/shift`, { method: "POST", body }));
export const signOut = () => done(ask(`${path}/shift`, { method: "DELETE" }));
export const offer = (body: OfferAdvice) => done(ask(`${path}/offers`, { method: "POST", body }));
export const end = (handshake: string) => done(ask(`${path}/handshakes/${handshake}/end`, { method: "POST" }));
