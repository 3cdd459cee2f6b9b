//! Owns what an NFC display draws: product left, code right, the same places in every state.
//! Takes: what the node wants shown. Emits: touches, the end of an answer. On failure: an unknown picture is the brand's.
import { ART_HUES, artName, artUrl } from "../shared/art.ts";
import { codeElement, nfcMark } from "../shared/device/code.ts";
import { type Countdown, countdown } from "../shared/device/countdown.ts";
import { money } from "../shared/format.ts";
import { type Locale, pick } from "../shared/i18n.ts";
import type { Content, NfcShow } from "../shared/types.ts";
import type english from "../shared/locales/nfc.en.json";

export type Shown = NfcShow | { readonly state: "quiet"; readonly content: Content };

export class View {
  onTouch: () => void = () => undefined;
  onOver: () => void = () => undefined;
  readonly #main = document.createElement("main");
  readonly #note = document.createElement("p");
  #ring: Countdown | undefined;
  #away = false;

  constructor(
    root: HTMLElement,
    private readonly locale: Locale,
    private readonly texts: typeof english,
    private readonly now: () => number,
  ) {
    this.#main.addEventListener("pointerdown", () => this.onTouch());
    this.#note.className = "note";
    this.#note.hidden = true;
    this.#note.role = "status";
    root.append(this.#main, this.#note);
  }

  show(shown: Shown): void {
    this.#ring?.stop();
    this.#ring = undefined;
    const { content, state } = shown;
    const name = artName(content.image);
    this.#main.className = state;
    this.#main.style.setProperty("--hue", String(ART_HUES[name]));

    const picture = new Image();
    picture.alt = "";
    picture.src = artUrl(content.image);
    picture.onerror = () => {
      picture.onerror = null;
      picture.src = artUrl("brand");
    };
    const art = box("art", picture);

    const words = box("words");
    if (state === "kept") words.append(text("p", "kept-mark", this.texts.kept));
    words.append(text("h1", "", pick(content.headline, this.locale)));
    const line = pick(content.line, this.locale);
    if (line !== "") words.append(text("p", "line", line));
    if (content.price) words.append(this.#price(content));

    const side = box("side");
    if (state === "inviting" || state === "answering") side.append(codeElement(shown.url, this.texts.code_label));
    const hint = box("hint", nfcMark(), text("p", "", this.#hint(state)));
    side.append(hint);
    if (state === "answering" || state === "kept") {
      this.#ring = countdown(Date.parse(shown.until), this.now, () => this.onOver());
      side.append(this.#ring.element);
    }
    this.#main.replaceChildren(art, words, side);
  }

  dropCode(): void {
    this.#main.querySelector(".code")?.remove();
  }

  away(away: boolean): void {
    this.#away = away;
    const hint = this.#main.querySelector(".hint p");
    const state = this.#main.className as Shown["state"];
    if (hint) hint.textContent = this.#hint(state);
  }

  say(note: string | undefined): void {
    this.#note.hidden = note === undefined;
    this.#note.textContent = note ?? "";
  }

  #hint(state: Shown["state"]): string {
    if (this.#away) return this.texts.away;
    switch (state) {
      case "inviting":
        return this.texts.hint_inviting;
      case "answering":
        return this.texts.hint_answering;
      case "kept":
        return this.texts.hint_kept;
      case "quiet":
        return this.texts.hint_quiet;
    }
  }

  #price(content: Content): HTMLElement {
    const block = text("p", "price", "");
    if (content.price) block.append(text("strong", "", money(content.price, this.locale)));
    if (content.was) block.append(text("s", "", money(content.was, this.locale)));
    return block;
  }
}

function text(tag: string, name: string, content: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = content;
  return made;
}

function box(name: string, ...children: Node[]): HTMLElement {
  const made = document.createElement("div");
  made.className = name;
  made.append(...children);
  return made;
}
