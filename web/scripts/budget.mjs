//! Owns the weight limits of a first load (gzip): script, style and page; the typeface is listed apart.
//! Takes: dist/ after finish.mjs. Emits: one line per surface. On failure: exits 1 naming the surface over its limit.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
/** Bytes. Player and shop are promised in the design; the others keep us honest. */
const LIMITS = { player: 20_480, nfc: 20_480, door: 20_480, tablet: 61_440, shop: 61_440, console: 92_160 };

const load = async (surface) => {
  const html = await readFile(join(dist, surface, "index.html"), "utf8");
  const names = new Set([...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]));
  let code = gzipSync(html, { level: 9 }).length;
  let font = 0;
  for (const name of names) {
    const bytes = await readFile(join(dist, name));
    if (name.endsWith(".woff2")) font += bytes.length;
    else code += gzipSync(bytes, { level: 9 }).length;
    if (name.endsWith(".css")) {
      for (const [, url] of bytes.toString().matchAll(/url\(([^)]+\.woff2)\)/g)) font += (await readFile(join(dist, url))).length;
    }
  }
  return { code, font };
};

let over = false;
for (const [surface, limit] of Object.entries(LIMITS)) {
  const { code, font } = await load(surface);
  over ||= code > limit;
  const kb = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
  console.log(`${surface.padEnd(8)} ${kb(code).padStart(8)} of ${kb(limit)}, typeface ${kb(font)}${code > limit ? "  OVER" : ""}`);
}
if (over) process.exit(1);
