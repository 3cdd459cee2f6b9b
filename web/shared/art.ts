//! Owns the pictures of content: which illustrations exist, where pictures lie, and the hue of the field behind each.
//! Takes: what content names, an illustration or a blob by its hash. Emits: an address of our own, never another. On failure: the brand's picture.

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

const HASH = /^sha256:([0-9a-f]{64})$/;

/** Node and cloud serve content under the same address. */
export function artUrl(name: string | null | undefined): string {
  const hash = name == null ? undefined : HASH.exec(name)?.[1];
  return hash === undefined ? `/assets/art/${artName(name)}.svg` : `/content/${hash}`;
}

export function scenicUrl(name: ScenicName): string {
  return `/assets/art/${name}.svg`;
}
