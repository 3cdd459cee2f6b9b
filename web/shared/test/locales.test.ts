//! Holds the catalogues equal: same keys, same parameters, nothing empty, no raw words in the sources of a page.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { preferredLocale, translate } from "../i18n.ts";

const web = new URL("../../", import.meta.url).pathname;
const folder = join(web, "shared/locales");
const surfaces = [...new Set(readdirSync(folder).map((name) => name.split(".")[0]!))];
const load = (surface: string, locale: string) => JSON.parse(readFileSync(join(folder, `${surface}.${locale}.json`), "utf8")) as Record<string, string>;
const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe.each(surfaces)("%s", (surface) => {
  const [de, en] = [load(surface, "de"), load(surface, "en")];
  it("has the same keys in both languages", () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  });
  it("uses the same parameters and leaves nothing empty", () => {
    for (const [key, text] of Object.entries(en)) {
      expect(text.trim(), key).not.toBe("");
      expect(de[key]?.trim(), key).not.toBe("");
      expect(parameters(de[key] ?? ""), key).toEqual(parameters(text));
    }
  });
  it("never shouts", () => {
    for (const text of [...Object.values(de), ...Object.values(en)]) expect(text).not.toMatch(/!/);
  });
  it("has both forms of each plural", () => {
    for (const key of Object.keys(en)) {
      if (key.endsWith(".one")) expect(en, key).toHaveProperty([key.replace(/\.one$/, ".other")]);
    }
  });
});

describe("sources", () => {
  const files = ["shop", "console", "player", "nfc", "door", "tablet", "shared"].flatMap((name) =>
    readdirSync(join(web, name), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".tsx") && !file.includes("test"))
      .map((file) => join(name, file)),
  );
  it.each(files)("%s holds no raw words", (file) => {
    const source = readFileSync(join(web, file), "utf8");
    // Words straight between tags, or as the value of an attribute that people read or hear.
    const between = [...source.matchAll(/<[a-zA-Z][^<>]*>([^<>{}]*[A-Za-zÄÖÜäöü]{2,}[^<>{}]*)<\//g)].map((match) => match[1]);
    const spoken = [...source.matchAll(/\b(?:aria-label|label|title|placeholder|alt|help)="([^"]*[a-z][^"]*)"/gi)].map((match) => match[1]);
    expect([...between, ...spoken]).toEqual([]);
  });
});

describe("translate", () => {
  const catalogue = { "items.one": "{count} item", "items.other": "{count} items", hello: "hello {name}" };
  it("chooses the plural by count", () => {
    expect(translate(catalogue, "en", "items", { count: 1 })).toBe("1 item");
    expect(translate(catalogue, "en", "items", { count: 1200 })).toBe("1,200 items");
  });
  it("keeps a parameter that nobody gave visible", () => {
    expect(translate(catalogue, "en", "hello")).toBe("hello {name}");
  });
});

describe("preferredLocale", () => {
  it("takes the address before the choice before the browser", () => {
    expect(preferredLocale("?lang=en", "de", ["de-DE"])).toBe("en");
    expect(preferredLocale("", "en", ["de-DE"])).toBe("en");
    expect(preferredLocale("?lang=fr", null, ["fr-FR", "en-GB"])).toBe("en");
    expect(preferredLocale("", null, ["pl"])).toBe("de");
  });
});
