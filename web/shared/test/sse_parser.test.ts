//! Holds the stream format: pieces cut anywhere, comments, several lines of data, limits.
import { describe, expect, it } from "vitest";
import { parser } from "../sse-parser.ts";

const STREAM = ": beat\n\nretry: 1000\n\nid: 7\nevent: card\ndata: {\"a\":\ndata: 1}\n\ndata: plain\r\n\r\nid\nevent: x\ndata\n\n";

describe("event stream", () => {
  it("gives the same events wherever the pieces are cut", () => {
    const whole = parser().push(STREAM);
    expect(whole).toEqual([
      { name: "card", data: '{"a":\n1}', id: "7" },
      { name: "message", data: "plain", id: "7" },
      { name: "x", data: "", id: "" },
    ]);
    for (let cut = 1; cut < STREAM.length; cut++) {
      const reader = parser();
      expect([...reader.push(STREAM.slice(0, cut)), ...reader.push(STREAM.slice(cut))]).toEqual(whole);
    }
  });
  it("emits nothing for an event that is not finished", () => {
    expect(parser().push("data: half\n")).toEqual([]);
  });
  it("drops an event beyond the limit and reads on", () => {
    const reader = parser();
    const piece = "x".repeat(600_000);
    expect(reader.push(`data: ${piece}\ndata: ${piece}\n\n`)).toEqual([]);
    expect(reader.push(`data: ${piece}${piece}`)).toEqual([]);
    expect(reader.push("\n\ndata: next\n\n")).toEqual([{ name: "message", data: "next", id: "" }]);
    expect(reader.dropped).toBe(2);
  });
});
