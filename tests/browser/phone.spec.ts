//! A customer's phone: sign in, consent, check in at the door, the own offers arrive by themselves, keep, dismiss, rest, check out.
import { expect } from "@playwright/test";
import { PHONE, test } from "./devices.ts";
import { accessible, still } from "./judge.ts";
import { codeOn, consent, newCustomer, newEmail, openDoor, signIn, signInByKeyboard, tabTo, unusedCode } from "./people.ts";
import { LANGUAGES, pattern, store, words, world } from "./world.ts";

/** Consents of somebody who wants offers picked for them. */
const PURPOSES = 2;

for (const language of LANGUAGES) {
  test(`a check-in brings the own offers without a reload (${language})`, async ({ device }) => {
    const say = words("shop", language);
    const door = await openDoor(device);
    const phone = await device(PHONE, language);
    await phone.goto(world.cloud);
    await accessible(phone, language);
    await signIn(phone, newEmail(), say);
    await accessible(phone, language);
    await consent(phone, PURPOSES, say);
    await expect(phone.getByRole("heading", { name: say("home.title.home"), exact: true })).toBeVisible();

    await phone.goto(await codeOn(door));
    await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
    const loaded = await phone.evaluate(() => performance.timeOrigin);
    const offers = phone.getByRole("article");
    await expect(offers.first()).toBeVisible();
    await expect(phone.getByText(say("celebration.title"))).toBeHidden();
    expect(await phone.evaluate(() => performance.timeOrigin), "nothing was loaded anew").toBe(loaded);
    await accessible(phone, language);

    const dismissed = (await offers.first().getByRole("heading").textContent()) ?? "";
    const told = phone.waitForResponse((response) => response.url().endsWith("/outcomes") && (response.request().postData() ?? "").includes('"dismissed"'));
    await offers.first().getByRole("button", { name: say("card.more", { name: dismissed }) }).click();
    await accessible(phone, language);
    await phone.getByRole("button", { name: say("card.dismiss") }).click();
    await expect(phone.getByRole("status").getByText(say("card.gone"))).toBeVisible();
    await expect(offers.filter({ hasText: dismissed })).toHaveCount(0);
    expect((await told).ok()).toBe(true);

    const kept = (await offers.first().getByRole("heading").textContent()) ?? "";
    await offers.first().getByRole("button", { name: say("card.keep", { name: kept }) }).click();
    await phone.getByRole("link", { name: say("bar.bookmarks") }).click();
    await expect(phone.getByRole("heading", { name: say("bookmarks.title") })).toBeVisible();
    await expect(phone.getByRole("listitem").filter({ hasText: kept })).toBeVisible();
    await accessible(phone, language);
    await phone.reload();
    await expect(phone.getByRole("listitem").filter({ hasText: kept })).toBeVisible();

    await phone.getByRole("link", { name: say("bar.me"), exact: true }).click();
    await phone.getByRole("button", { name: say("me.pause.one") }).click();
    await expect(phone.getByText(pattern(say("me.paused")))).toBeVisible();
    await expect(phone.getByText(say("me.visit_open"))).toBeVisible();
    await accessible(phone, language);

    await phone.getByRole("link", { name: say("bar.home") }).click();
    await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
    await expect(offers.filter({ hasText: dismissed })).toHaveCount(0);
    await phone.getByRole("button", { name: say("home.check_out") }).click();
    await expect(phone.getByText(say("checkout.done", { store: store.name }))).toBeVisible();
    await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeHidden();
    await accessible(phone, language);
    await phone.getByRole("link", { name: say("bar.me"), exact: true }).click();
    await expect(phone.getByText(say("me.visit_open"))).toBeHidden();
  });
}

test("a code opens the door once, and then says so with one next step", async ({ device }) => {
  const say = words("shop", "en");
  const door = await openDoor(device);
  const [first, second] = [await newCustomer(device, say, 1), await newCustomer(device, say, 1)];
  const code = await codeOn(door);
  await first.goto(code);
  await expect(first.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
  await second.goto(code);
  await expect(second.getByText(say("check_in.replayed"))).toBeVisible();
  await accessible(second, "en");
  await second.getByRole("link", { name: say("check_in.scan_again") }).click();
  await second.getByLabel(say("scan.type"), { exact: true }).fill(await unusedCode(door, code));
  await second.getByRole("button", { name: say("scan.go") }).click();
  await expect(second.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
});

test("what was typed wrong is said at its field", async ({ device }) => {
  const say = words("shop", "en");
  const phone = await device(PHONE);
  await phone.goto(world.cloud);
  await phone.getByLabel(say("sign_in.email")).fill("nobody");
  await phone.getByRole("button", { name: say("sign_in.send") }).click();
  await expect(phone.getByLabel(say("sign_in.email"))).toHaveAccessibleDescription(say("sign_in.address"));
  await accessible(phone, "en");
  await phone.getByLabel(say("sign_in.email")).fill(newEmail());
  await phone.getByRole("button", { name: say("sign_in.send") }).click();
  await phone.getByLabel(say("sign_in.code")).fill("000000");
  await expect(phone.getByLabel(say("sign_in.code"))).toHaveAccessibleDescription(say("sign_in.wrong"));
  await accessible(phone, "en");
});

test("the keyboard alone leads from sign-in into the store", async ({ device }) => {
  const say = words("shop", "en");
  const door = await openDoor(device);
  const phone = await device(PHONE);
  await phone.goto(world.cloud);
  await signInByKeyboard(phone, newEmail(), say);
  const control = phone.getByRole("switch").first();
  await tabTo(phone, control);
  await phone.keyboard.press("Space");
  await expect(control).toBeChecked();
  await expect(control).toBeEnabled();
  await tabTo(phone, phone.getByRole("button", { name: say("consent.done") }));
  await phone.keyboard.press("Enter");
  await tabTo(phone, phone.getByRole("link", { name: say("bar.scan") }));
  await phone.keyboard.press("Enter");
  await tabTo(phone, phone.getByLabel(say("scan.type"), { exact: true }));
  await phone.keyboard.insertText(await codeOn(door));
  await phone.keyboard.press("Enter");
  await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
  await expect(phone.getByText(say("celebration.title"))).toBeHidden();
  const offer = phone.getByRole("article").first();
  await tabTo(phone, offer.getByRole("button", { name: pattern(say("card.keep")) }));
  await phone.keyboard.press("Enter");
  await expect(offer.getByRole("button", { pressed: true })).toBeFocused();
  await tabTo(phone, phone.getByRole("button", { name: say("home.check_out") }));
  await phone.keyboard.press("Enter");
  await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeHidden();
});

test("the phone says that it is offline, keeps what it shows, and catches up by itself", async ({ device }) => {
  const say = words("shop", "en");
  const door = await openDoor(device);
  const phone = await newCustomer(device, say, PURPOSES);
  await phone.goto(await codeOn(door));
  const offers = phone.getByRole("article");
  await expect(offers.first()).toBeVisible();
  const away = phone.getByRole("status").filter({ hasText: pattern(say("offline.since")) });
  await phone.context().setOffline(true);
  await expect(away).toBeVisible();
  await expect(offers.first()).toBeVisible();
  await accessible(phone, "en");
  await phone.context().setOffline(false);
  await expect(away).toBeHidden();
  await expect(offers.first()).toBeVisible();
});

test("nothing on the phone moves by itself after its first paint", async ({ device }) => {
  const say = words("shop", "en");
  const phone = await newCustomer(device, say, PURPOSES);
  const pages = [
    { path: "/", there: phone.getByRole("heading", { name: say("home.inspiration") }) },
    { path: "/scan", there: phone.getByLabel(say("scan.type"), { exact: true }) },
    { path: "/bookmarks", there: phone.getByText(say("bookmarks.none"), { exact: true }) },
    { path: "/me", there: phone.getByText(say("me.no_visits")) },
    { path: "/me?view=consent", there: phone.getByRole("switch").first() },
  ];
  for (const { path, there } of pages) {
    await phone.goto(`${world.cloud}${path}`);
    await expect(there).toBeVisible();
    await test.step(path, () => still(phone));
  }
});
