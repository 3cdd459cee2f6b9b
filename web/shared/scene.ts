//! Owns how content looks on a screen, for the player and for every true preview of it: one renderer.
//! Takes: content, the kind of layout zone, the language. Emits: an element that fills its box at any size.
//! On failure: an unknown picture is the brand's; a missing price leaves no hole.
import { ART_HUES, artName, artUrl } from "./art.ts";
import { money, moneyParts } from "./format.ts";
import { type Locale, pick } from "./i18n.ts";
import de from "./locales/scene.de.json";
import en from "./locales/scene.en.json";
import type { Content, LayoutZoneKind, Money } from "./types.ts";

const TEXTS = { de, en };
/** The mark in the corner of every picture. */
export const BRAND_MARK = "/assets/art/icon.svg";

export interface Drawn {
  readonly element: HTMLElement;
  /** Resolves when every picture can be shown in the next frame. */
  readonly ready: Promise<void>;
}

export function drawScene(content: Content, kind: LayoutZoneKind, locale: Locale): Drawn {
  const name = artName(content.image);
  const box = element("div", `scene-box ${kind}`);
  const scene = element("article", "scene");
  scene.style.setProperty("--hue", String(ART_HUES[name]));
  const picture = new Image();
  picture.alt = "";
  picture.src = artUrl(content.image);

  const words = element("div", "scene-words");
  words.append(element("p", "scene-headline", pick(content.headline, locale)));
  const line = pick(content.line, locale);
  if (line !== "") words.append(element("p", "scene-line", line));
  if (content.price) words.append(price(content.price, content.was, locale));

  const field = element("div", "scene-art");
  field.append(picture);
  scene.append(field, words);
  if (kind === "main") scene.append(brandStrip());
  box.append(scene);
  return { element: box, ready: decoded(picture) };
}

/** A picture that does not come, such as a blob that its store no longer has, leaves the brand's in its place rather than a hole. */
function decoded(picture: HTMLImageElement): Promise<void> {
  return picture.decode().catch(() => {
    picture.src = artUrl("brand");
    return picture.decode();
  });
}

function price(now: Money, was: Money | null, locale: Locale): HTMLElement {
  const block = element("p", "scene-price");
  if (was) {
    const before = element("span", "scene-was");
    before.append(`${TEXTS[locale].was} `, element("s", "", money(was, locale)));
    block.append(before);
  }
  const amount = element("strong", "scene-amount");
  for (const part of moneyParts(now, locale)) {
    if (part.type === "decimal") continue;
    if (part.type === "literal" && part.value.trim() === "") continue;
    amount.append(element("span", part.type, part.value));
  }
  amount.ariaLabel = money(now, locale);
  block.append(amount);
  return block;
}

function brandStrip(): HTMLElement {
  const strip = element("p", "scene-brand");
  const mark = new Image();
  mark.alt = "";
  mark.src = BRAND_MARK;
  strip.append(mark, element("span", "", "aisle"));
  return strip;
}

function element(tag: string, name: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  if (name !== "") made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
