//! A screen: plays the plan, goes on while the node is away, also after a reload, and shows what is published.
import { expect, test } from "@playwright/test";
import { accessibilityFaults, screenshot, store, word, words, world } from "./world.ts";

const player = words("player");

test("a screen plays, and plays on while the node is away", async ({ page, context }) => {
  await page.setViewportSize({ width: 1920, height: 1080 });
  await page.goto(`${store.http}/player/window-1#key=${store.secrets["screen.window-1"]}`);
  const main = page.locator('[data-zone="main"]');
  await expect(main.locator("h1, h2").filter({ visible: true }).first()).toBeVisible();
  expect(new URL(page.url()).hash).toBe("");
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "player");
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await context.setOffline(true);
  await page.reload();
  await expect(main.locator("h1, h2").filter({ visible: true }).first()).toBeVisible();
  await expect(page.getByText(word(player, "unpaired").split("{")[0] ?? "")).toBeHidden();
  await context.setOffline(false);
});

test("a screen without its key says what to do", async ({ page }) => {
  await page.goto(`${store.http}/player/till-1#key=wrong`);
  await expect(page.getByText(word(player, "refused"))).toBeVisible();
});

test("the door shows a code to scan", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${store.http}/door/door-1#key=${store.secrets["door.door-1"]}`);
  await expect(page.getByRole("img").first()).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
  await screenshot(page, "door");
});

test("the style guide shows every part without a fault", async ({ page }) => {
  await page.goto(`${world.cloud}/_styleguide`);
  await expect(page.getByRole("heading").first()).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
});
