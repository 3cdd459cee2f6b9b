//! Owns what a scanned or typed text means to the shop. Pure. The server judges the code; here it is only told apart.
//! On failure: `undefined`, the text is none of ours.

export type Scanned = { readonly kind: "door" | "tap"; readonly code: string };

const CODE = /^([dt])1\.[a-z0-9.-]{8,190}$/;

/** An address of the shop that holds a code, whatever its host, or the bare code. */
export function readCode(text: string): Scanned | undefined {
  const trimmed = text.trim();
  const code = trimmed.includes("://") ? codeInAddress(trimmed) : trimmed;
  const letter = code === undefined ? undefined : CODE.exec(code)?.[1];
  return code === undefined || letter === undefined ? undefined : { kind: letter === "d" ? "door" : "tap", code };
}

function codeInAddress(text: string): string | undefined {
  try {
    return new URL(text).searchParams.get("c") ?? undefined;
  } catch {
    return undefined;
  }
}
