//! Holds the live line against a server that cuts, refuses and forgets. The network is the only thing that is played.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Line, type LineState, openLine } from "../sse.ts";

interface Attempt {
  readonly lastEventId: string | undefined;
  readonly answer: (status: number) => void;
  readonly fail: () => void;
  readonly send: (text: string) => void;
  readonly cut: () => void;
}

let attempts: Attempt[] = [];
let line: Line | undefined;
const seen: { events: [string, unknown][]; states: LineState[]; resyncs: number } = { events: [], states: [], resyncs: 0 };
const encoder = new TextEncoder();
/** Lets promises and streams run; no time passes. */
const settle = async () => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
  await vi.advanceTimersByTimeAsync(0);
};
const latest = (): Attempt => {
  const last = attempts.at(-1);
  if (!last) throw new Error("nobody has connected");
  return last;
};

beforeEach(() => {
  attempts = [];
  Object.assign(seen, { events: [], states: [], resyncs: 0 });
  vi.useFakeTimers();
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
  vi.stubGlobal("fetch", (_address: string, init: { headers: Record<string, string>; signal: AbortSignal }) => {
    let pipe: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (pipe = controller) });
    return new Promise<Response>((resolve, reject) => {
      init.signal.addEventListener("abort", () => {
        reject(new DOMException("aborted", "AbortError"));
        try {
          pipe?.error(new DOMException("aborted", "AbortError"));
        } catch {
          // Closed already.
        }
      });
      attempts.push({
        lastEventId: init.headers["last-event-id"],
        answer: (status) => resolve(new Response(status === 200 ? body : null, { status })),
        fail: () => reject(new TypeError("network")),
        send: (text) => pipe?.enqueue(encoder.encode(text)),
        cut: () => pipe?.close(),
      });
    });
  });
  line = openLine("/v1/me/events", {
    event: (name, data) => seen.events.push([name, data]),
    state: (state) => seen.states.push(state),
    resync: () => (seen.resyncs += 1),
  });
});
afterEach(() => {
  line?.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the live line", () => {
  it("names the last event it saw when it comes back", async () => {
    latest().answer(200);
    latest().send('id: 7\nevent: card\ndata: {"a":1}\n\n');
    await settle();
    expect(seen.events).toEqual([["card", { a: 1 }]]);
    latest().cut();
    await settle();
    expect(seen.states.at(-1)).toBe("offline");
    await vi.advanceTimersByTimeAsync(500);
    expect(attempts).toHaveLength(2);
    expect(latest().lastEventId).toBe("7");
  });

  it("waits longer after each failure, and starts afresh once it was live", async () => {
    for (const longest of [500, 1000, 2000]) {
      const before = attempts.length;
      latest().fail();
      await settle();
      await vi.advanceTimersByTimeAsync(longest);
      expect(attempts.length).toBe(before + 1);
    }
    latest().answer(200);
    await settle();
    latest().cut();
    await settle();
    await vi.advanceTimersByTimeAsync(500);
    expect(attempts).toHaveLength(5);
  });

  it("stops when the session is refused", async () => {
    latest().answer(401);
    await settle();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(seen.states.at(-1)).toBe("refused");
    expect(attempts).toHaveLength(1);
  });

  it("lets a display ask again a minute after a refusal, and for the whole state", async () => {
    line?.close();
    attempts = [];
    line = openLine("/v1/screens/x/events", { event: () => undefined, state: (state) => seen.states.push(state), resync: () => undefined }, { display: true });
    latest().answer(200);
    latest().send("id: 9\nevent: plan\ndata: {}\n\n");
    await settle();
    latest().cut();
    await settle();
    await vi.advanceTimersByTimeAsync(500);
    expect(latest().lastEventId).toBeUndefined();
    latest().answer(403);
    await settle();
    expect(seen.states.at(-1)).toBe("refused");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(attempts).toHaveLength(3);
  });

  it("asks for everything again on resync, and skips a body that is not JSON", async () => {
    latest().answer(200);
    latest().send('event: resync\ndata: {}\n\nevent: card\ndata: {"half\n\nevent: card\ndata: 2\n\n');
    await settle();
    expect(seen.resyncs).toBe(1);
    expect(seen.events).toEqual([["card", 2]]);
  });

  it("takes silence for a dead line, and a comment for a sign of life", async () => {
    latest().answer(200);
    await settle();
    await vi.advanceTimersByTimeAsync(30_000);
    latest().send(": here\n\n");
    await settle();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(seen.states.at(-1)).toBe("live");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(seen.states).toContain("offline");
  });

  it("emits nothing after it was closed", async () => {
    latest().answer(200);
    await settle();
    line?.close();
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(attempts).toHaveLength(1);
    expect(seen.states.at(-1)).toBe("live");
  });
});
