//! Owns the comparison number of a handshake as both devices show it: two pairs of digits in a coloured shape.
//! Takes: number, colour, shape. Emits: an image with a name, since a colour alone is not told apart by everybody.
import type { Sas } from "../types.ts";

const SHAPES: readonly string[] = [
  "M60 6a54 54 0 1 0 0 108a54 54 0 1 0 0-108z",
  "M12 12h96v96h-96z",
  "M60 4l56 104h-112z",
  "M60 2l58 58l-58 58l-58-58z",
  "M60 2l17 37l41 5l-30 28l8 40l-36-20l-36 20l8-40l-30-28l41-5z",
  "M33 8h54l30 52l-30 52h-54l-30-52z",
];

export const sasText = ({ number }: Sas) => {
  const digits = String(number).padStart(4, "0");
  return `${digits.slice(0, 2)} ${digits.slice(2)}`;
};

export function SasSign({ sas, label }: { sas: Sas; label: string }) {
  return (
    <div class="sas" role="img" aria-label={label}>
      <svg class={`sas-${sas.colour}`} viewBox="0 0 120 120" aria-hidden="true">
        <path d={SHAPES[sas.shape] ?? SHAPES[0]} />
      </svg>
      <span class="num" aria-hidden="true">
        {sasText(sas)}
      </span>
    </div>
  );
}
