//! Owns how the pages are bundled: one entry per surface. Service workers: scripts/finish.mjs.
import { defineConfig } from "vitest/config";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const here = import.meta.dirname;
const page = (name: string) => resolve(here, name, "index.html");

const { version } = JSON.parse(readFileSync(resolve(here, "package.json"), "utf8")) as { version: string };

export default defineConfig({
  root: here,
  define: { __VERSION__: JSON.stringify(`player ${version}`) },
  appType: "mpa",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: true,
    target: ["chrome111", "safari16.4", "firefox113"],
    cssTarget: ["chrome111", "safari16.4", "firefox113"],
    modulePreload: { polyfill: false },
    // Data addresses are refused by our own content security policy.
    assetsInlineLimit: 0,
    rollupOptions: {
      input: {
        player: page("player"),
        nfc: page("nfc"),
        door: page("door"),
        tablet: page("tablet"),
        shop: page("shop"),
        console: page("console"),
        styleguide: page("styleguide"),
      },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { include: ["**/*.test.ts"], exclude: ["node_modules", "dist"] },
});
