//! Holds that a tablet confirms what it holds no more, locks by itself, and shows nothing past the time that was granted.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TabletView } from "../../shared/types.ts";

const HANDSHAKE = "5a".repeat(16);
const mia = { staff: "1042", first_name: "Mia", photo: null, role: "Beratung" };
const json = (body: unknown) => new Response(JSON.stringify(body), { status: 200 });

/** The browser's face and a node behind it: one stream, and every request that was made. */
function browser(refusals: number) {
  const asked: string[] = [];
  let show: (view: TabletView) => void = () => undefined;
  const left = { refusals };
  vi.stubGlobal("location", { pathname: "/tablet/tablet-1", hash: "", search: "", href: "http://node/tablet/tablet-1" });
  vi.stubGlobal("addEventListener", () => undefined);
  // What a read brings is not looked at here; a key that is made beside the clock of the test would outlive it.
  vi.stubGlobal("crypto", { subtle: { generateKey: () => Promise.reject(new Error("no key")) } });
  vi.stubGlobal("requestAnimationFrame", (drawn: () => void) => setTimeout(drawn, 16));
  vi.stubGlobal("fetch", async (address: string, { method = "GET" }: RequestInit = {}) => {
    asked.push(`${method} ${address}`);
    if (address.endsWith("/events")) {
      const stream = new ReadableStream<Uint8Array>({
        start: (open) => {
          show = (view) => open.enqueue(new TextEncoder().encode(`event: view\ndata: ${JSON.stringify(view)}\n\n`));
        },
      });
      return new Response(stream, { status: 200 });
    }
    if (address.endsWith("/purged") && left.refusals > 0) {
      left.refusals -= 1;
      throw new TypeError("no line");
    }
    if (address.endsWith("/shift")) return json({ staff: mia });
    return address.endsWith("/reads") ? new Response("{}", { status: 503 }) : new Response(null, { status: 204 });
  });
  return { asked, show: (view: TabletView) => show(view), purged: () => asked.filter((one) => one.endsWith("/purged")).length };
}

const active: TabletView = { state: "active", staff: mia, handshake: HANDSHAKE, scopes: ["wishlist"], until: "2026-11-24T12:10:00Z", suspended: false };

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-24T12:00:00Z") });
  vi.resetModules();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function started(refusals = 0) {
  const node = browser(refusals);
  const state = await import("../state.ts");
  void state.start();
  await vi.advanceTimersByTimeAsync(100);
  const shown = async (view: TabletView) => {
    node.show(view);
    await vi.advanceTimersByTimeAsync(100);
  };
  return { node, state, shown };
}

test("an end behind the lock is confirmed, again and again until the node has heard it", async () => {
  const { node, shown } = await started(2);
  await shown(active);
  expect(node.purged()).toBe(0);
  await shown({ state: "locked", first_name: "Mia" });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(node.purged()).toBe(3);
});

test("a page that was loaded anew says at once that it holds nothing of what is over", async () => {
  const { node, state, shown } = await started();
  await shown({ state: "over", staff: mia, handshake: HANDSHAKE, shared: true, minutes: 9 });
  expect(node.purged()).toBe(1);
  expect(state.staff.value).toEqual(mia);
});

test("after a minute without a touch only badge and PIN bring back what the node shows", async () => {
  const { state, shown } = await started();
  await shown({ state: "ready", staff: mia });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(state.view.value?.state).toBe("locked");
  await shown({ state: "ready", staff: mia });
  expect(state.view.value?.state).toBe("locked");
  expect(await state.signIn({ badge: "B-1042", pin: "493817" })).toBeUndefined();
  expect(state.view.value).toEqual({ state: "ready", staff: mia });
});

test("granted time that is over by this clock leaves nothing on the glass", async () => {
  const { node, state, shown } = await started();
  await shown({ ...active, until: "2026-11-24T12:00:30Z" });
  expect(state.shared.value.size).toBe(1);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state.shared.value.size).toBe(0);
  expect(node.purged()).toBe(1);
});
