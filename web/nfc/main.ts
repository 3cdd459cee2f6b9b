//! Owns the wiring of an NFC display: pairing, what the node wants shown, touches.
//! Takes: `/nfc/{display}`, a key once, `show` over SSE. Emits: the picture with its code, taps.
//! On failure: keeps the invitation without a code and says that tapping is away; an answer always clears by itself.
import { ask, clockSkewMs, newKey } from "../shared/api.ts";
import { deviceId, pair } from "../shared/device/session.ts";
import { keepAwake } from "../shared/device/wake.ts";
import { initialLocale } from "../shared/i18n.ts";
import de from "../shared/locales/nfc.de.json";
import en from "../shared/locales/nfc.en.json";
import { openLine } from "../shared/sse.ts";
import { newTraceparent } from "../shared/trace.ts";
import type { Content, NfcShow, NfcTap } from "../shared/types.ts";
import "./style.css";
import { View } from "./view.ts";

/** Two touches closer together are one: a phone held at the mark is read several times. */
const TOUCH_MS = 800;

const locale = initialLocale();
document.documentElement.lang = locale;
const texts = { de, en }[locale];
const WELCOME: Content = { class: "P0", headline: { de: de.welcome, en: en.welcome }, line: { de: "", en: "" }, image: "brand", price: null, was: null, segment: null };

const display = deviceId(location.pathname);
const path = `/v1/nfc/${encodeURIComponent(display)}`;
const now = () => Date.now() - (clockSkewMs() ?? 0);
const view = new View(document.body, locale, texts, now);
let touched = -Infinity;
let invitation: Content = WELCOME;

view.show({ state: "quiet", content: WELCOME });
view.onTouch = () => {
  if (performance.now() - touched < TOUCH_MS) return;
  touched = performance.now();
  const body: NfcTap = { tap: newKey(), traceparent: newTraceparent() };
  ask(`${path}/taps`, { method: "POST", body }).catch(() => view.away(true));
};
// A button beside the display, for whoever cannot reach the glass, is a keyboard to the browser.
addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && !event.repeat) view.onTouch();
});
view.onOver = () => view.show({ state: "quiet", content: invitation });

keepAwake();
if ((await pair("nfc", display)) === "refused") {
  view.say(texts.refused);
} else {
  openLine(`${path}/events`, {
    event(name, data) {
      if (name !== "show") return;
      const show = data as NfcShow;
      if (show.state === "inviting") invitation = show.content;
      view.show(show);
    },
    state(state) {
      view.away(state === "offline");
      // The last code may have been used meanwhile; none is better than a dead one.
      if (state === "offline") view.dropCode();
      view.say(state === "refused" ? texts.unpaired.replace("{display}", display) : undefined);
    },
    resync: () => undefined,
  }, { display: true });
}
