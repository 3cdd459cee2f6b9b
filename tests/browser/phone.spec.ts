//! A customer's phone: sign in, consent, check in at the door, the own offer arrives without reload, keep it, check out.
import { expect, test } from "@playwright/test";
import { accessibilityFaults, consent, doorUrl, newEmail, screenshot, signIn, store, word, words, world } from "./world.ts";

const shop = words("shop");

test.use({ viewport: { width: 390, height: 844 } });

test("a check-in brings the own offers without a reload", async ({ page }) => {
  await page.goto(world.cloud);
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "shop-sign-in");
  await signIn(page, newEmail(), shop);
  await expect(page.getByRole("heading", { name: word(shop, "consent.first") })).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "shop-consent");
  await page.setViewportSize({ width: 390, height: 844 });
  await consent(page, 2);
  await expect(page.getByRole("heading", { name: word(shop, "home.title.home") })).toBeVisible();

  await page.goto(await doorUrl(page.request));
  await expect(page.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
  const loaded = await page.evaluate(() => performance.timeOrigin);
  const offers = page.getByRole("article");
  await expect(offers.first()).toBeVisible();
  expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded);
  await expect(page.getByRole("link", { name: word(shop, "home.scan") }).first()).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "shop-in-store");
  await page.setViewportSize({ width: 390, height: 844 });

  await offers.first().getByRole("button", { pressed: false }).click();
  await expect(offers.first().getByRole("button", { pressed: true })).toBeVisible();
  await page.getByRole("link", { name: word(shop, "bar.bookmarks") }).click();
  await expect(page.getByRole("heading", { name: word(shop, "bookmarks.title") })).toBeVisible();
  await expect(page.getByRole("listitem").first()).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);

  await page.getByRole("link", { name: word(shop, "bar.home") }).click();
  await page.getByRole("button", { name: word(shop, "home.check_out") }).click();
  await expect(page.getByRole("heading", { level: 1, name: store.name })).toBeHidden();
  await page.getByRole("link", { name: word(shop, "bar.me") }).click();
  await expect(page.getByRole("heading", { name: word(shop, "me.title") })).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "shop-me");
});

test("a used code is refused in words, with one next step", async ({ page, browser }) => {
  const url = await doorUrl(page.request);
  await page.goto(url);
  await signIn(page, newEmail(), shop);
  await consent(page, 1);
  await expect(page.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
  const other = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await other.goto(url);
  await signIn(other, newEmail(), shop);
  await consent(other, 1);
  await expect(other.getByText(word(shop, "check_in.replayed"))).toBeVisible();
  expect(await accessibilityFaults(other)).toEqual([]);
  await other.close();
});

test("the shop says that it is offline and goes on when the line is back", async ({ page, context }) => {
  await page.goto(world.cloud);
  await signIn(page, newEmail(), shop);
  await consent(page, 1);
  await expect(page.getByRole("heading", { name: word(shop, "home.title.home") })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByRole("status").filter({ hasText: /connection/i })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByRole("status").filter({ hasText: /connection/i })).toBeHidden();
});
