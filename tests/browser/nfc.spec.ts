//! An NFC display: touch it, open its code on the phone, keep the offer; the display thanks without saying whom, and forgets.
import { expect } from "@playwright/test";
import { PHONE, TABLET, test } from "./devices.ts";
import { accessible, impersonal } from "./judge.ts";
import { codeOn, consent, customerOf, newCustomer, newEmail, signIn } from "./people.ts";
import { LANGUAGES, devicePage, pattern, words } from "./world.ts";

/** An answer stands for 20 s, then the display is quiet again. */
const FORGETS_MS = 30_000;

for (const language of LANGUAGES) {
  test(`a tap opens its offer on the phone, once (${language})`, async ({ device }) => {
    const [say, nfc] = [words("shop", language), words("nfc", language)];
    const display = await device(TABLET, language);
    await display.goto(devicePage("nfc", "shelf-pets"));
    await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"));
    expect(new URL(display.url()).hash, "the key has left the address").toBe("");
    await accessible(display, language);

    await display.locator("main").tap();
    await expect(display.locator(".hint")).toContainText(nfc("hint_answering"));
    await accessible(display, language);
    const code = await codeOn(display);

    const [phone, email] = [await device(PHONE, language), newEmail()];
    await phone.goto(code);
    await expect(phone.getByRole("heading", { name: say("sign_in.title_tap") })).toBeVisible();
    await signIn(phone, email, say);
    await consent(phone, 1, say);
    await expect(phone.getByRole("button", { name: say("dialogue.keep") })).toBeVisible();
    const product = (await phone.getByRole("heading", { level: 1 }).textContent()) ?? "";
    await phone.getByRole("button", { name: say("dialogue.where_is_it") }).click();
    await expect(phone.locator(".talk .theirs").last()).toContainText(language === "de" ? "Tierbedarf" : "Pets");
    await phone.getByRole("button", { name: say("dialogue.keep") }).click();
    await expect(phone.getByRole("button", { name: say("dialogue.keep") })).toBeHidden();
    await expect(display.locator(".hint")).toContainText(nfc("hint_kept"));
    await accessible(display, language);
    await accessible(phone, language);
    await phone.getByRole("link", { name: say("bar.bookmarks") }).click();
    await expect(phone.getByRole("listitem").filter({ hasText: product })).toBeVisible();

    const other = await newCustomer(device, say, 1, language);
    await other.goto(code);
    await expect(other.getByText(say("tap.old"))).toBeVisible();
    await accessible(other, language);

    await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"), { timeout: FORGETS_MS });
    await impersonal(display, [email, email.split("@")[0] ?? "", await customerOf(phone)], "shelf-pets");
  });
}

test("an answer nobody takes leaves by itself", async ({ device }) => {
  const nfc = words("nfc", "en");
  const display = await device(TABLET);
  await display.goto(devicePage("nfc", "shelf-fresh"));
  await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"));
  const before = await codeOn(display);
  await display.locator("main").tap();
  await expect(display.locator(".hint")).toContainText(nfc("hint_answering"));
  await expect(display.locator(".ring")).toBeVisible();
  await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"), { timeout: FORGETS_MS });
  await expect.poll(() => codeOn(display), { message: "the code of the invitation is a new one" }).not.toBe(before);
});

test("a button at the display taps like a hand", async ({ device }) => {
  const nfc = words("nfc", "en");
  const display = await device(TABLET);
  await display.goto(devicePage("nfc", "shelf-fresh"));
  await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"));
  await display.keyboard.press("Enter");
  await expect(display.locator(".hint")).toContainText(nfc("hint_answering"));
});

test("a display without its key says what to do, and one without a key at all, too", async ({ device }) => {
  const nfc = words("nfc", "en");
  const wrong = await device(TABLET);
  await wrong.goto(devicePage("nfc", "shelf-pets").replace(/key=.*/, "key=wrong"));
  await expect(wrong.getByText(nfc("refused"))).toBeVisible();
  await accessible(wrong, "en");
  const none = await device(TABLET);
  await none.goto(devicePage("nfc", "shelf-pets").replace(/#.*/, ""));
  await expect(none.getByText(pattern(nfc("unpaired")))).toBeVisible();
  await accessible(none, "en");
});
