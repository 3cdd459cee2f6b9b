//! Owns the live line to a server: one stream for all topics, reconnected with growing, jittered pauses.
//! Takes: an address. Emits: parsed events in order, the state of the line, `resync`.
//! On failure: says `offline` and keeps trying; 401 and 403 say `refused` and stop (a display asks again); a body that is not
//! JSON is skipped.
import { backoffMs } from "./backoff.ts";
import { parser } from "./sse-parser.ts";

export type LineState = "connecting" | "live" | "offline" | "refused";

export interface Line {
  /** Ends the stream; nothing is emitted after. */
  close(): void;
}
export interface LineOptions {
  /**
   * A display in a store, with nobody in front of it to help: each event is the whole state, so a server that began
   * to count anew is not mistaken for an old one; and a refusal is asked about again, for it may have been mended.
   */
  readonly display?: boolean;
}
export interface LineHandlers {
  event(name: string, data: unknown): void;
  state(state: LineState): void;
  /** What was missed is no longer in the server's ring: load everything again. */
  resync(): void;
}

/** The server says something every 15 s, a comment at least; after two missing ones the line is dead. */
const SILENCE_MS = 40_000;
/** How long a display waits before it asks again after a refusal. */
const REFUSED_MS = 60_000;

/** fetch instead of EventSource: it shows comments and status, and can name the last event in the header. */
export function openLine(address: string, handlers: LineHandlers, { display = false }: LineOptions = {}): Line {
  let attempt = 0;
  let lastId = "";
  let closed = false;
  let abort: AbortController | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const emit = (name: string, data: string) => {
    if (name === "resync") return handlers.resync();
    let parsed: unknown;
    try {
      parsed = JSON.parse(data);
    } catch {
      return;
    }
    handlers.event(name, parsed);
  };

  const read = async (signal: AbortSignal, heard: () => void): Promise<boolean> => {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (!display && lastId !== "") headers["last-event-id"] = lastId;
    const response = await fetch(address, { headers, credentials: "same-origin", cache: "no-store", signal });
    if (response.status === 401 || response.status === 403) return false;
    if (!response.ok || !response.body) return true;
    attempt = 0;
    handlers.state("live");
    const events = parser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      heard();
      const { done, value } = await reader.read();
      if (done) return true;
      for (const event of events.push(value)) {
        if (event.id !== "") lastId = event.id;
        emit(event.name, event.data);
      }
    }
  };

  const connect = async () => {
    clearTimeout(retry);
    abort?.abort();
    const mine = new AbortController();
    abort = mine;
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENCE_MS);
    };
    let again = true;
    try {
      heard();
      again = await read(mine.signal, heard);
    } catch {
      // Cut, aborted or unreachable: all the same, try again.
    }
    clearTimeout(silence);
    if (closed || abort !== mine) return;
    handlers.state(again ? "offline" : "refused");
    if (again) retry = setTimeout(connect, backoffMs(attempt++, Math.random()));
    else if (display) retry = setTimeout(connect, REFUSED_MS);
  };

  const online = () => {
    attempt = 0;
    void connect();
  };
  const offline = () => abort?.abort();
  addEventListener("online", online);
  addEventListener("offline", offline);
  handlers.state("connecting");
  void connect();

  return {
    close() {
      closed = true;
      clearTimeout(retry);
      removeEventListener("online", online);
      removeEventListener("offline", offline);
      abort?.abort();
    },
  };
}
