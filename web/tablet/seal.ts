//! Owns opening what a customer shared: ECDH P-256, HKDF-SHA-256, AES-256-GCM, all the browser's own.
//! Takes: sealed fields. Emits: fields. The private key cannot be taken out of the browser and is forgotten with its object.
//! On failure: throws; what does not open is not for this tablet, or not of this consultation.
import type { SealedFields, SharedFields } from "../shared/types.ts";

const INFO = new TextEncoder().encode("aisle-handshake-seal-v1");

const toText = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const toBytes = (text: string) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const fromHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export interface Opener {
  /** Public half, an uncompressed point, base64url. */
  readonly key: string;
  open(handshake: string, sealed: SealedFields): Promise<SharedFields>;
}

export async function opener(): Promise<Opener> {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const own = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
  return {
    key: toText(await crypto.subtle.exportKey("raw", own.publicKey)),
    async open(handshake, sealed) {
      const theirs = await crypto.subtle.importKey("raw", toBytes(sealed.key), curve, false, []);
      const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, own.privateKey, 256);
      const extracted = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
      const derived = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: INFO };
      const key = await crypto.subtle.deriveKey(derived, extracted, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
      const how = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: fromHex(handshake) };
      return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(how, key, toBytes(sealed.sealed)))) as SharedFields;
    },
  };
}
