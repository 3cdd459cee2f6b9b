//! Every route of every surface, in both languages and both themes, on a phone and at a desk: axe finds nothing, the page says its language, nothing sticks out.
import { type BrowserContextOptions, type Page, expect } from "@playwright/test";
import { DESK, PHONE, TABLET, test } from "./devices.ts";
import { accessible, fits } from "./judge.ts";
import { newCustomer, openDesk } from "./people.ts";
import { LANGUAGES, devicePage, words, world } from "./world.ts";

const UNKNOWN = "00000000000000000000000000";
const SHOP_OUT = ["/", "/c?c=none", "/t?c=none"];
const SHOP_IN = ["/", "/c?c=none", "/t?c=none", "/scan", "/bookmarks", "/me", "/me?view=consent", `/dialogue/${UNKNOWN}`];
const CONSOLE = ["/console", "/console/live/berlin-mitte", "/console/offers", "/console/offers/new", `/console/offers/${UNKNOWN}`, "/console/decisions", "/console/fleet"];

async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 }).first()).toBeAttached();
  await expect(page.locator('[aria-busy="true"], .skeleton')).toHaveCount(0);
}

async function judge(page: Page, paths: readonly string[], language: "de" | "en"): Promise<void> {
  for (const path of paths) {
    await test.step(path, async () => {
      await page.goto(`${world.cloud}${path}`);
      await settled(page);
      await accessible(page, language);
      await fits(page);
    });
  }
}

for (const language of LANGUAGES) {
  for (const colorScheme of ["light", "dark"] as const) {
    const themed = (shape: BrowserContextOptions): BrowserContextOptions => ({ ...shape, colorScheme });

    test(`shop, ${language}, ${colorScheme}`, async ({ device }) => {
      const stranger = await device(themed(PHONE), language);
      await judge(stranger, SHOP_OUT, language);
      const open: typeof device = (shape, spoken) => device(themed(shape), spoken);
      const customer = await newCustomer(open, words("shop", language), 1, language);
      await judge(customer, SHOP_IN, language);
      await customer.setViewportSize({ width: 1920, height: 1080 });
      await judge(customer, SHOP_IN, language);
    });

    test(`console, ${language}, ${colorScheme}`, async ({ device }) => {
      const open: typeof device = (shape, spoken) => device(themed(shape), spoken);
      const stranger = await open(DESK, language);
      await judge(stranger, ["/console"], language);
      const desk = await openDesk(open, world.marketer, "/console", language);
      await judge(desk, CONSOLE, language);
      await desk.setViewportSize({ width: 1280, height: 800 });
      await judge(desk, CONSOLE, language);
    });
  }

  test(`screen, display, door and style guide, ${language}`, async ({ device }) => {
    for (const [page, name] of [["player", "window-1"], ["player", "aisle-2"], ["nfc", "shelf-pets"], ["door", "door-1"]] as const) {
      await test.step(`${page} ${name}`, async () => {
        const opened = await device(page === "player" ? DESK : TABLET, language);
        await opened.goto(devicePage(page, name));
        await expect(opened.locator("main")).toBeVisible();
        await expect(opened.locator(".layer.shown, h1").first()).toBeVisible();
        await accessible(opened, language);
        await fits(opened);
      });
    }
    const guide = await device(DESK, language);
    await guide.goto(`${world.cloud}/_styleguide`);
    await expect(guide.getByRole("heading", { level: 1 })).toBeVisible();
    await accessible(guide, language);
    await fits(guide);
  });
}
