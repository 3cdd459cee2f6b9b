//! Owns what is known of a handshake by asking: whether it is this customer's own, and whether something is shared.
//! Takes: its address, a grant. Emits: facts and receipt. On failure: throws; nothing is said to be shared or not shared without an answer.
import { ApiError, ask } from "../shared/api.ts";
import type { HandshakeFacts, HandshakeGrant, HandshakeReceipt } from "../shared/types.ts";

/** The receipt, or nothing where the handshake is another's. */
async function ownReceipt(path: string): Promise<HandshakeReceipt | undefined> {
  try {
    return await ask<HandshakeReceipt>(`${path}/receipt`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Who offers. What is past the offer may be this customer's own, from before a reload: then with its receipt. */
export async function look(path: string): Promise<{ readonly offer: HandshakeFacts; readonly own: HandshakeReceipt | undefined }> {
  const offer = await ask<HandshakeFacts>(path);
  return { offer, own: offer.state === "offered" ? undefined : await ownReceipt(path) };
}

/** Grants. Emits the receipt; nothing where it was too late. The answer to an earlier try may have been lost: then that one counts. */
export async function share(path: string, body: HandshakeGrant): Promise<HandshakeReceipt | undefined> {
  try {
    await ask(`${path}/grant`, { method: "POST", body });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    const own = await ownReceipt(path);
    return own && own.granted_at !== null ? own : undefined;
  }
  return ownReceipt(path);
}
