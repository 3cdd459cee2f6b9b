//! Owns reading the text/event-stream format. Pure: text in pieces in, whole events out.
//! On failure: an event larger than the limit is dropped and counted, the stream goes on.

export interface StreamEvent {
  readonly name: string;
  readonly data: string;
  readonly id: string;
}
export interface Parser {
  /** The events completed by this piece. */
  push(piece: string): StreamEvent[];
  readonly dropped: number;
}

/** No server of ours sends a larger event; a broken proxy must not fill the memory of a screen. */
const EVENT_CHARACTERS_MAX = 1_048_576;

export function parser(): Parser {
  let rest = "";
  let name = "";
  let data: string[] = [];
  let size = 0;
  let id = "";
  let dropped = 0;

  const line = (text: string): StreamEvent | undefined => {
    if (text === "") {
      const whole = size > EVENT_CHARACTERS_MAX ? undefined : data.length > 0 ? { name: name || "message", data: data.join("\n"), id } : undefined;
      if (size > EVENT_CHARACTERS_MAX) dropped += 1;
      name = "";
      data = [];
      size = 0;
      return whole;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") name = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "data") {
      size += value.length;
      if (size <= EVENT_CHARACTERS_MAX) data.push(value);
      else data = [];
    }
    return undefined;
  };

  return {
    get dropped() {
      return dropped;
    },
    push(piece) {
      const text = rest + piece;
      const lines = text.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      if (rest.length > EVENT_CHARACTERS_MAX) {
        // An endless line: its head is thrown away, what follows fails the size check.
        size = EVENT_CHARACTERS_MAX + 1;
        rest = "data:";
      }
      return lines.map(line).filter((event) => event !== undefined);
    },
  };
}
