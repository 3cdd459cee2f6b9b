//! Holds the phone's comparison number to that of an independent implementation.
import { expect, it } from "vitest";
import { sasOf } from "../sas.ts";

const COMMIT = "8fb9001996a41c13828591cac8185daecef2f0ac2ce2c0c8a5f3eeffd8b194b4";

it("reckons the number, colour and shape that the tablet shows", async () => {
  const sas = await sasOf("0f0e0d0c0b0a09080706050403020100", COMMIT, "11".repeat(32), "22".repeat(32));
  expect(sas).toEqual({ number: 9825, colour: 5, shape: 3 });
});

it("shows nothing where the tablet's side revealed another nonce than it committed itself to", async () => {
  expect(await sasOf("0f0e0d0c0b0a09080706050403020100", COMMIT, "11".repeat(32), "23".repeat(32))).toBeUndefined();
});
