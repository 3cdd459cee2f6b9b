//! Holds the digest to the platform's own, for every length around the block limits.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { sha256Hex } from "../sha256.ts";

it("agrees with the platform for every length up to three blocks, and for letters beyond ASCII", () => {
  for (let length = 0; length < 200; length++) {
    const text = "aß€".repeat(length).slice(0, length);
    expect(sha256Hex(text), text).toBe(createHash("sha256").update(text).digest("hex"));
  }
});
