//! An NFC display: touch it, open its code on the phone, keep the offer; the display thanks without saying whom and forgets.
import { expect, test } from "@playwright/test";
import { accessibilityFaults, consent, newEmail, screenshot, signIn, store, word, words } from "./world.ts";

const shop = words("shop");
const nfc = words("nfc");

test("a tap opens the dialogue of its offer on the phone", async ({ page, browser }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  // The code's address is drawn as a QR code; the page hears it over SSE, and so do we.
  const urls: string[] = [];
  await page.addInitScript(() => {
    const Original = window.EventSource;
    const heard: string[] = [];
    Object.assign(window, { heard });
    window.EventSource = class extends Original {
      constructor(url: string | URL, init?: EventSourceInit) {
        super(url, init);
        this.addEventListener("show", (event) => heard.push((event as MessageEvent<string>).data));
      }
    };
  });
  await page.goto(`${store.http}/nfc/shelf-pets#key=${store.secrets["nfc.shelf-pets"]}`);
  await expect(page.getByText(word(nfc, "hint_inviting"))).toBeVisible();
  expect(new URL(page.url()).hash).toBe("");
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "nfc-inviting");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.locator("main").click();
  await expect(page.getByText(word(nfc, "hint_answering"))).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
  urls.push(...(await page.evaluate(() => (window as unknown as { heard: string[] }).heard)));
  const answering = urls.map((data) => JSON.parse(data) as { state: string; url: string }).findLast((show) => show.state === "answering");
  expect(answering).toBeDefined();

  const phone = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await phone.goto(answering?.url ?? "");
  await signIn(phone, newEmail(), shop);
  await consent(phone, 1);
  await phone.getByRole("button", { name: word(shop, "dialogue.keep") }).click();
  await expect(phone.getByRole("button", { name: word(shop, "dialogue.keep") })).toBeHidden();
  expect(await accessibilityFaults(phone)).toEqual([]);
  await screenshot(phone, "shop-dialogue");
  await phone.setViewportSize({ width: 390, height: 844 });
  await phone.getByRole("link", { name: word(shop, "bar.bookmarks") }).click();
  await expect(phone.getByRole("listitem").first()).toBeVisible();
  await expect(page.getByText(word(nfc, "hint_inviting"))).toBeVisible({ timeout: 25_000 });
  await phone.close();
});
