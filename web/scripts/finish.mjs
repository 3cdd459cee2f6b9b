//! Owns the last step of the build: precache lists of the service workers, packed copies of files.
//! Takes: dist/ as Vite left it, with its manifest. Emits: sw-*.js completed, *.gz and *.br.
//! On failure: exits with the error; the build stops.
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { closure } from "./manifest.mjs";

const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(await readFile(join(dist, ".vite/manifest.json"), "utf8"));

/** A packed copy must save a tenth, or it only makes the binary larger. */
const WORTH = 0.9;
const PACKABLE = /\.(html|js|css|json|svg|webmanifest|txt)$/;

const workers = { "sw-shop.js": ["shop", "/shop"], "sw-player.js": ["player", "/player"] };
for (const [file, [entry, page]] of Object.entries(workers)) {
  const files = [page, ...closure(manifest, `${entry}/index.html`).map((name) => `/${name}`)];
  const html = await readFile(join(dist, `${entry}/index.html`));
  const version = createHash("sha256").update(html).update(files.join("\n")).digest("hex").slice(0, 12);
  const path = join(dist, file);
  const text = await readFile(path, "utf8");
  const filled = text.replace(/["'`]__PRECACHE__["'`]/, JSON.stringify(JSON.stringify({ version, files })));
  if (filled === text) throw new Error(`${file} has no place for its precache list`);
  await writeFile(path, filled);
}

await rm(join(dist, ".vite"), { recursive: true });
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !PACKABLE.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = await readFile(path);
  const packed = {
    br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    gz: gzipSync(plain, { level: 9 }),
  };
  for (const [ending, bytes] of Object.entries(packed)) {
    if (bytes.length < plain.length * WORTH) await writeFile(`${path}.${ending}`, bytes);
  }
}
