//! Owns the check-in display at the door: a code that changes, how long it holds, how it is used.
//! Takes: `/door/{touchpoint}`, a key once, `code` over SSE. Emits: the code as QR.
//! On failure: a code past its time is taken away at once, and the page says to ask staff.
import { clockSkewMs } from "../shared/api.ts";
import { codeElement, nfcMark } from "../shared/device/code.ts";
import { type Countdown, countdown } from "../shared/device/countdown.ts";
import { deviceId, pair } from "../shared/device/session.ts";
import { keepAwake } from "../shared/device/wake.ts";
import { initialLocale } from "../shared/i18n.ts";
import de from "../shared/locales/door.de.json";
import en from "../shared/locales/door.en.json";
import { openLine } from "../shared/sse.ts";
import type { DoorCode } from "../shared/types.ts";
import "./style.css";

const locale = initialLocale();
document.documentElement.lang = locale;
const texts = { de, en }[locale];
const door = deviceId(location.pathname);
const now = () => Date.now() - (clockSkewMs() ?? 0);

const make = (tag: string, name: string, text = "") => {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
};

const main = make("main", "");
const words = make("div", "words");
const picture = new Image();
picture.alt = "";
picture.src = "/assets/art/welcome.svg";
words.append(picture, make("h1", "", texts.title), make("p", "line", texts.line));
const side = make("div", "side");
const place = make("div", "place");
const hint = make("div", "hint");
hint.append(nfcMark(), make("p", "", texts.hint));
side.append(place, hint);
main.append(words, side);
const note = make("p", "note");
note.hidden = true;
note.role = "status";
document.body.append(main, note);

let ring: Countdown | undefined;
const say = (text: string | undefined) => {
  note.hidden = text === undefined;
  note.textContent = text ?? "";
};
const draw = (code: DoorCode) => {
  ring?.stop();
  ring = countdown(Date.parse(code.expires), now, () => {
    place.replaceChildren(make("p", "none", texts.none));
  });
  place.replaceChildren(codeElement(code.url, texts.code_label), ring.element);
};

place.append(make("p", "none", texts.loading));
keepAwake();
if ((await pair("door", door)) === "refused") {
  say(texts.refused);
} else {
  openLine(`/v1/doors/${encodeURIComponent(door)}/events`, {
    event(name, data) {
      if (name === "code") draw(data as DoorCode);
    },
    state: (state) => say(state === "refused" ? texts.unpaired.replace("{door}", door) : undefined),
    resync: () => undefined,
  }, { display: true });
}
