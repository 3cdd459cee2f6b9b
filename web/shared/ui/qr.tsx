//! Owns a QR code as one SVG path. Takes: text. On failure: text too long for a code draws nothing.
import { qrPath } from "../qr.ts";

export function Qr({ text, label }: { text: string; label: string }) {
  const code = qrPath(text);
  if (!code) return null;
  return (
    <svg class="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={code.size} height={code.size} fill="#fff" />
      <path d={code.path} fill="#000" />
    </svg>
  );
}
