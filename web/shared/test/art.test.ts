//! Holds names and files of illustrations together, and keeps them safe to serve: no script, no outside reference.
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ART_HUES, artUrl } from "../art.ts";

const folder = new URL("../../public/assets/art/", import.meta.url);

describe("illustrations", () => {
  it.each(Object.keys(ART_HUES))("%s has a file", (name) => {
    expect(readFileSync(new URL(`${name}.svg`, folder), "utf8")).toContain("viewBox");
  });
  it.each(readdirSync(folder).filter((name) => name.endsWith(".svg")))("%s holds shapes only", (name) => {
    const source = readFileSync(new URL(name, folder), "utf8");
    expect(source).not.toMatch(/<script|href=|style=|<text|onload/);
  });
  it("finds a blob under its hash, and nothing else under that address", () => {
    const hash = "0123456789abcdef".repeat(4);
    expect(artUrl(`sha256:${hash}`)).toBe(`/content/${hash}`);
    for (const name of [`sha256:${hash}0`, `sha256:${hash.toUpperCase()}`, `sha256:../${hash}`]) expect(artUrl(name)).toBe("/assets/art/brand.svg");
  });
  it("falls back to the brand for a name that content made up", () => {
    for (const name of [null, "", "../../etc/passwd", "toString", "sha256:00"]) expect(artUrl(name)).toBe("/assets/art/brand.svg");
  });
});
