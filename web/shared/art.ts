//! Owns the illustrations: which exist, where they lie, and the hue of the field behind each.
//! Takes: the name that content carries. Emits: an address of our own, never another. On failure: the brand's picture.

/** Degrees in OKLCH. Every name is a file in public/assets/art (held by shared/test/art.test.ts). */
export const ART_HUES = {
  apples: 145,
  bread: 75,
  brand: 268,
  candle: 350,
  "cat-food": 190,
  "cat-litter": 90,
  cheese: 240,
  chocolate: 55,
  coffee: 65,
  detergent: 100,
  "dog-food": 85,
  milk: 240,
  "olive-oil": 115,
  pasta: 230,
  plant: 165,
  tomatoes: 135,
  toothpaste: 185,
} as const;

export type ArtName = keyof typeof ART_HUES;
export type ScenicName = "door" | "empty-bookmarks" | "empty-offers" | "error" | "offline" | "tap" | "welcome";

export function artName(name: string | null | undefined): ArtName {
  return name != null && Object.hasOwn(ART_HUES, name) ? (name as ArtName) : "brand";
}

export function artUrl(name: string | null | undefined): string {
  return `/assets/art/${artName(name)}.svg`;
}

export function scenicUrl(name: ScenicName): string {
  return `/assets/art/${name}.svg`;
}
