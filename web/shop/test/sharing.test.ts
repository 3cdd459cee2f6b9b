//! Holds what a phone knows of what its customer shares: after a reload, without an answer, and when a grant is said twice.
import { afterEach, expect, test, vi } from "vitest";
import { look, share } from "../sharing.ts";

const PATH = "/v1/handshakes/5a";
const body = { jti: "j", scopes: [], minutes: 10, legal_text: "instore", version: 1, language: "de" as const, shown_sha256: "7" };
const receipt = (granted: boolean) => ({ handshake: "5a", state: granted ? "active" : "over", granted_at: granted ? "2026-11-24T12:00:00Z" : null });

/** A cloud that answers each address with a status and a body. */
function cloud(answers: Readonly<Record<string, readonly [number, unknown]>>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const [status, answer] = answers[address] ?? [404, {}];
    return new Response(JSON.stringify(answer), { status });
  });
  return asked;
}
afterEach(() => void vi.unstubAllGlobals());

test("after a reload the page knows that it is its own customer who shares", async () => {
  cloud({ [PATH]: [200, { state: "active" }], [`${PATH}/receipt`]: [200, receipt(true)] });
  expect((await look(PATH)).own).toEqual(receipt(true));
});

test("a handshake of somebody else has no receipt here, and an open offer has none yet", async () => {
  cloud({ [PATH]: [200, { state: "claimed" }] });
  expect((await look(PATH)).own).toBeUndefined();
  const asked = cloud({ [PATH]: [200, { state: "offered" }] });
  expect((await look(PATH)).own).toBeUndefined();
  expect(asked).toEqual([PATH]);
});

test("without an answer nothing is said about what is shared", async () => {
  cloud({ [PATH]: [200, { state: "active" }], [`${PATH}/receipt`]: [503, {}] });
  await expect(look(PATH)).rejects.toThrow();
  cloud({ [`${PATH}/grant`]: [409, { code: "replay" }], [`${PATH}/receipt`]: [503, {}] });
  await expect(share(PATH, body)).rejects.toThrow();
});

test("a refused repeat of a grant that stands is a grant", async () => {
  cloud({ [`${PATH}/grant`]: [409, { code: "replay" }], [`${PATH}/receipt`]: [200, receipt(true)] });
  expect(await share(PATH, body)).toEqual(receipt(true));
  cloud({ [`${PATH}/grant`]: [409, { code: "not_open" }], [`${PATH}/receipt`]: [200, receipt(false)] });
  expect(await share(PATH, body)).toBeUndefined();
});
