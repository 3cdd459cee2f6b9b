//! Owns turning text into a QR code's path: dark modules as one path, with the quiet zone of four modules.
//! On failure: `undefined` for text that no code can hold.
import encodeQr from "qr";

const QUIET = 4;
// Low error correction: our codes are long and glow on clean glass, so larger modules read from further away.

export function qrPath(text: string): { size: number; path: string } | undefined {
  let rows: boolean[][];
  try {
    rows = encodeQr(text, "raw", { ecc: "low", border: QUIET });
  } catch {
    return undefined;
  }
  let path = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      let width = 1;
      while (row[x + width]) width += 1;
      path += `M${x} ${y}h${width}v1h-${width}z`;
      x += width;
    }
  });
  return { size: rows.length, path };
}
