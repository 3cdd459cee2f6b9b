//! Owns the phone's own reckoning of the comparison number (TOUCHPOINTS 5): commitment, transcript, HKDF.
//! Takes: the offer, both nonces. Emits: the number with colour and shape, or nothing where the tablet's side did not keep its commitment.
//! On failure: a browser without its own cryptography throws; a number that cannot be reckoned is not shown.
import type { Sas } from "../shared/types.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const digest = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export function newNonce(): string {
  return hex(crypto.getRandomValues(new Uint8Array(32)));
}

export async function sasOf(offer: string, commit: string, nonceCustomer: string, nonceTablet: string): Promise<Sas | undefined> {
  const tablet = bytesOf(nonceTablet);
  if (hex(await digest(joined(ascii("aisle-hs-commit-v1"), tablet))) !== commit) return undefined;
  const id = ascii(offer);
  const length = Uint8Array.of(id.length >> 8, id.length & 0xff);
  const transcript = await digest(joined(ascii("aisle-hs-v1"), length, id, bytesOf(commit), bytesOf(nonceCustomer), tablet));
  const key = await crypto.subtle.importKey("raw", transcript, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: ascii("aisle-handshake-sas-v1") };
  const drawn = new DataView(await crypto.subtle.deriveBits(how, key, 64)).getBigUint64(0);
  const marks = drawn / 10_000n;
  return { number: Number(drawn % 10_000n), colour: Number(marks % 6n), shape: Number((marks / 6n) % 6n) };
}
