//! Owns the last step of the build: the service workers with their precache lists, packed copies of files.
//! Takes: dist/ as Vite left it, with its manifest. Emits: sw-shop.js (served as /sw.js), player/sw.js, *.gz and *.br.
//! On failure: exits with the error; the build stops.
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";
import { closure } from "./manifest.mjs";

const root = new URL("..", import.meta.url).pathname;
const dist = join(root, "dist");
const manifest = JSON.parse(await readFile(join(dist, ".vite/manifest.json"), "utf8"));

/** A packed copy must save a tenth, or it only makes the binary larger. */
const WORTH = 0.9;
const PACKABLE = /\.(html|js|css|json|svg|webmanifest|txt)$/;

/** Classic scripts, each in one file at a fixed address, which also says what it may serve. */
const workers = [
  { surface: "shop", source: "shop/sw-shop.ts", target: "sw-shop.js" },
  { surface: "player", source: "player/sw-player.ts", target: "player/sw.js" },
];
for (const { surface, source, target } of workers) {
  const files = closure(manifest, `${surface}/index.html`).map((name) => `/${name}`);
  const html = await readFile(join(dist, `${surface}/index.html`));
  const version = createHash("sha256").update(html).update(files.join("\n")).digest("hex").slice(0, 12);
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    publicDir: false,
    define: { __PRECACHE__: JSON.stringify({ version, files }) },
    build: {
      outDir: join(dist, dirname(target)),
      emptyOutDir: false,
      lib: { entry: join(root, source), formats: ["iife"], name: "worker", fileName: () => basename(target) },
    },
  });
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
