//! Owns how the pages are bundled: one entry per surface, service workers under fixed names.
import { defineConfig } from "vitest/config";
import { resolve } from "node:path";

const here = import.meta.dirname;
const page = (name: string) => resolve(here, name, "index.html");

export default defineConfig({
  root: here,
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
        shop: page("shop"),
        console: page("console"),
        styleguide: page("styleguide"),
        "sw-player": resolve(here, "player/sw-player.ts"),
        "sw-shop": resolve(here, "shop/sw-shop.ts"),
      },
      output: {
        // A worker keeps its name: the browser compares the bytes at one address.
        entryFileNames: (chunk) => (chunk.name.startsWith("sw-") ? "[name].js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { include: ["**/*.test.ts"], exclude: ["node_modules", "dist"] },
});
