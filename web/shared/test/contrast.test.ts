//! Measures the contrast of every text and solid pair of the tokens in both themes, and of scenes in every hue.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ART_HUES } from "../art.ts";

type Oklch = [lightness: number, chroma: number, hue: number];
const css = readFileSync(new URL("../css/tokens.css", import.meta.url), "utf8");

function tokens(theme: "light" | "dark"): Map<string, Oklch> {
  const found = new Map<string, Oklch>();
  for (const [, name, value] of css.matchAll(/--([a-z]+-?(?:\d+|on)?): ([^;]+);/g)) {
    const colours = [...value!.matchAll(/oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g)].map(([, l, c, h]) => [Number(l), Number(c), Number(h)] as Oklch);
    const colour = colours[theme === "dark" && colours.length > 1 ? 1 : 0];
    if (colour) found.set(name!, colour);
  }
  return found;
}

/** Relative luminance by WCAG 2, from OKLCH by way of OKLab and linear sRGB, clipped to the gamut. */
function luminance([l, c, h]: Oklch): number {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const [x, y, z] = [l + 0.3963377774 * a + 0.2158037573 * b, l - 0.1055613458 * a - 0.0638541728 * b, l - 0.0894841775 * a - 1.291485548 * b].map((v) => v ** 3) as Oklch;
  const clip = (v: number) => Math.min(1, Math.max(0, v));
  const red = clip(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z);
  const green = clip(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z);
  const blue = clip(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(one: Oklch, other: Oklch): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const TEXT = 4.5;
const SHAPE = 3;
const pairs: [text: string, ground: string, least: number][] = [
  ...["neutral-1", "neutral-2", "neutral-3", "neutral-4", "surface"].flatMap((ground): [string, string, number][] => [
    ["neutral-12", ground, 7],
    ["neutral-11", ground, TEXT],
    ["accent-11", ground, TEXT],
    ["danger-11", ground, TEXT],
    ["success-11", ground, TEXT],
    ["warning-11", ground, TEXT],
    ["neutral-8", ground, SHAPE],
    ["accent-9", ground, SHAPE],
  ]),
  ...["accent", "success", "danger", "warning"].flatMap((tone): [string, string, number][] => [
    [`${tone}-on`, `${tone}-9`, TEXT],
    [`${tone}-11`, `${tone}-2`, TEXT],
    ["neutral-12", `${tone}-2`, 7],
  ]),
  ["accent-on", "accent-10", TEXT],
  ["accent-11", "accent-3", TEXT],
  ["neutral-1", "neutral-12", 7],
];

describe.each(["light", "dark"] as const)("%s theme", (theme) => {
  const colours = tokens(theme);
  it.each(pairs)("%s reads on %s at %d to 1", (text, ground, least) => {
    const [front, back] = [colours.get(text), colours.get(ground)];
    expect(front && back, `${text} or ${ground} is not a token`).toBeTruthy();
    expect(ratio(front!, back!)).toBeGreaterThanOrEqual(least);
  });
});

describe("scenes", () => {
  it.each(Object.entries(ART_HUES))("words read on the field of %s", (_, hue) => {
    expect(ratio([0.25, 0.06, hue], [0.955, 0.03, hue])).toBeGreaterThanOrEqual(7);
    expect(ratio([0.25, 0.06, hue], [0.87, 0.085, hue])).toBeGreaterThanOrEqual(7);
  });
});
