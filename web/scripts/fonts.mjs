//! Owns the cut of the typeface: Inter variable, only the characters and weights that our pages use.
//! Takes: @fontsource-variable/inter. Emits: shared/generated/inter.woff2.
//! On failure: exits with the error; the build stops.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import subsetFont from "subset-font";

const TARGET = new URL("../shared/generated/inter.woff2", import.meta.url).pathname;
const source = createRequire(import.meta.url).resolve("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2");

const range = (from, to) => String.fromCodePoint(...Array.from({ length: to - from + 1 }, (_, i) => from + i));
const CHARACTERS =
  range(0x20, 0x7e) + range(0xa0, 0xff) + "ŒœŠšŽžŸ" + "–—‘’‚“”„•…‰‹›€™−≤≥≠≈→←↑↓·×" + "\u2007\u2009\u202f";

const newer = async () => {
  try {
    const [made, from, script] = await Promise.all([stat(TARGET), stat(source), stat(new URL(import.meta.url))]);
    return made.mtimeMs > from.mtimeMs && made.mtimeMs > script.mtimeMs;
  } catch {
    return false;
  }
};

if (!(await newer())) {
  const cut = await subsetFont(await readFile(source), CHARACTERS, {
    targetFormat: "woff2",
    variationAxes: { wght: { min: 450, max: 650, default: 450 } },
  });
  await mkdir(dirname(TARGET), { recursive: true });
  await writeFile(TARGET, cut);
}
