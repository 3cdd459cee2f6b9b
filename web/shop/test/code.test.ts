//! Holds how scanned texts are told apart.
import { describe, expect, it } from "vitest";
import { readCode } from "../code.ts";

const DOOR = "d1.berlin-mitte.door-1.1795508400.9f8a7b6c5d4e3f21.0a1b2c3d4e5f60718293";
const TAP = "t1.berlin-mitte.shelf-pets.-.1795508400.9f8a7b6c5d4e3f21.0a1b2c3d4e5f60718293";

describe("a scanned text", () => {
  it("is read bare, with blanks around, and inside an address of any host", () => {
    expect(readCode(DOOR)).toEqual({ kind: "door", code: DOOR });
    expect(readCode(` ${TAP}\n`)).toEqual({ kind: "tap", code: TAP });
    expect(readCode(`https://shop.example.com/c?c=${DOOR}`)).toEqual({ kind: "door", code: DOOR });
    expect(readCode(`http://10.0.0.5:8080/t?lang=de&c=${TAP}`)).toEqual({ kind: "tap", code: TAP });
  });
  it("is refused when it is something else", () => {
    for (const other of ["", "4006381333931", "https://example.com/", "https://", "d1.", "x1.berlin.door.1.2.3", `d1.${"a".repeat(400)}`, "d1.<script>alert(1)</script>"]) {
      expect(readCode(other), other).toBeUndefined();
    }
  });
});
