//! Holds the editor's form: there and back, prices as people type them, faults at their fields.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OfferDraft, OfferView } from "../../shared/types.ts";
import { emptyForm, faultAt, fromLocal, gaps, toDraft, toForm, toLocal, toMajor, toMinor, wordCount } from "../draft.ts";

const draft: OfferDraft = {
  campaign: "01a20cd3-96b8-7202-8202-020202020202",
  product: { sku: "coffee", name: { de: "Kaffee", en: "Coffee" }, category: "pantry-coffee", sibling_group: null, image: "coffee" },
  price: { minor: 549, currency: "EUR" },
  was: { minor: 699, currency: "EUR" },
  from: "2026-11-24T09:12:00.000Z",
  to: "2026-12-01T09:12:00.000Z",
  target: { stores: [], zones: ["pantry"], surfaces: ["screen", "phone"] },
  variants: [],
  fallback: null,
  fallback_for: [],
  rule: "",
  value_percent: 60,
  push: true,
};
const words = (text: string) => ({ headline: { de: text, en: text }, line: { de: "", en: "" } });
const content = (text: string) => ({ ...words(text), class: "P0" as const, image: "coffee", price: draft.price, was: draft.was, segment: null });

describe("the form of an offer", () => {
  it("comes back as the draft it was made from", () => {
    const whole: OfferDraft = { ...draft, fallback: content("common"), fallback_for: ["nfc_monitor", "phone", "tablet"], variants: [{ surface: "screen", content: content("own") }] };
    expect(toDraft(toForm(whole))).toEqual(whole);
  });
  it("takes the words of the only variant as the common ones when there is no fallback", () => {
    const made = toDraft(toForm({ ...draft, variants: [{ surface: "phone", content: content("only") }] }));
    expect(made?.fallback?.headline.de).toBe("only");
    expect(made?.fallback_for).toEqual(["screen", "nfc_monitor", "phone", "tablet"]);
  });
  it("declares the common words for every kind of surface without words of its own, wanted or not", () => {
    const form = { ...toForm(draft), surfaces: ["screen" as const], own: { screen: words("own"), phone: words("kept for later") } };
    expect(toDraft(form)?.fallback_for).toEqual(["nfc_monitor", "phone", "tablet"]);
  });
  it("names what is missing and sends nothing until then", () => {
    const form = emptyForm(Date.parse(draft.from), "");
    expect(gaps(form)).toEqual(["campaign", "product", "price"]);
    expect(toDraft(form)).toBeUndefined();
    expect(gaps({ ...toForm(draft), was: "about 7" })).toEqual(["was"]);
  });
});

describe("a price", () => {
  it("is read with comma or point and never rounded", () => {
    expect(["5,49", "5.4", "5", " 0,05 "].map(toMinor)).toEqual([549, 540, 500, 5]);
    for (const wrong of ["", "-1", "5,499", "1.000,00", "5 €", "1e3"]) expect(toMinor(wrong), wrong).toBeUndefined();
    expect([5, 540, 120_000].map(toMajor)).toEqual(["0,05", "5,40", "1200,00"]);
  });
});

describe("times and words", () => {
  it("keeps an instant through the local wall clock", () => {
    expect(fromLocal(toLocal("2026-11-24T09:12:00.000Z"))).toBe("2026-11-24T09:12:00.000Z");
    expect(fromLocal("")).toBeUndefined();
  });
  it("counts words, not blanks", () => {
    expect(wordCount("  Der beste   Start ")).toBe(3);
    expect(wordCount("")).toBe(0);
  });
  it("finds a fault below its pointer, not beside it", () => {
    const errors = [{ field: "/price/minor", reason: "low" }];
    expect(faultAt(errors, "/price")).toBe("low");
    expect(faultAt(errors, "/pri")).toBeUndefined();
  });
});

it("reads the golden example of the schemas", () => {
  const example = new URL("../../../schemas/golden/OfferView.json", import.meta.url);
  const view = JSON.parse(readFileSync(example, "utf8")) as OfferView;
  const again = toDraft(toForm(view.draft));
  expect(again?.price).toEqual(view.draft.price);
  expect(again?.target).toEqual(view.draft.target);
});
