//! Every surface at three sizes, in a store full of people: it fills its box, and its picture stands in `docs/screens`.
//! Takes: `UPDATE_SCREENS=1` to write the pictures; other runs look at the same pages and leave the tree clean.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserContextOptions, type Page, expect } from "@playwright/test";
import sharp from "sharp";
import { DESK, test } from "./devices.ts";
import { fits } from "./judge.ts";
import { consent, newEmail, openDesk, signIn, unusedCode } from "./people.ts";
import { type Language, devicePage, root, words, world } from "./world.ts";

const FOLDER = join(root, "docs", "screens");
const SIZES = { phone: { width: 390, height: 844 }, tablet: { width: 1280, height: 800 }, desktop: { width: 1920, height: 1080 } };
/** A README must not make people wait. */
const PICTURE_BYTES_MAX = 200_000;
const busy = world.stores[1];

async function pictures(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await test.step(`${name}-${size}`, async () => {
      await page.setViewportSize(viewport);
      await page.mouse.move(0, 0);
      await page.evaluate(() => document.fonts.ready);
      await fits(page);
      const picture = await page.screenshot({ animations: "disabled", caret: "hide" });
      const small = await sharp(picture).png({ palette: true, quality: 90, compressionLevel: 9, effort: 10 }).toBuffer();
      expect(small.length).toBeLessThanOrEqual(PICTURE_BYTES_MAX);
      if (process.env["UPDATE_SCREENS"] !== "1") return;
      await mkdir(FOLDER, { recursive: true });
      await writeFile(join(FOLDER, `${name}-${size}.png`), small);
    });
  }
}

const LOOKS: readonly { readonly name: string; readonly language: Language; readonly colorScheme: "light" | "dark" }[] = [
  { name: "", language: "de", colorScheme: "light" },
  { name: "-dark", language: "de", colorScheme: "dark" },
  { name: "-en", language: "en", colorScheme: "light" },
];

for (const { name, language, colorScheme } of LOOKS) {
  test(`shop${name}`, async ({ device }) => {
    const say = words("shop", language);
    const shape: BrowserContextOptions = { viewport: SIZES.phone, colorScheme };
    const door = await device(DESK);
    await door.goto(devicePage("door", "door-1", busy));
    const phone = await device(shape, language);
    await phone.goto(world.cloud);
    await signIn(phone, newEmail(), say);
    await consent(phone, 2, say);
    const inside = phone.getByRole("heading", { level: 1, name: busy.name });
    // Other people stand at this door, too: whoever is slower takes the next code.
    await expect(async () => {
      await phone.goto(await unusedCode(door, undefined));
      await expect(inside).toBeVisible({ timeout: 5_000 });
    }).toPass();
    await expect(phone.getByRole("article").nth(2)).toBeVisible();
    await expect(phone.getByText(say("celebration.title"))).toBeHidden();
    await phone.getByRole("article").nth(1).getByRole("button").first().click();
    await pictures(phone, `shop${name}`);
  });

  test(`console${name}`, async ({ device }) => {
    const desk = await openDesk((shape, spoken) => device({ ...shape, colorScheme }, spoken), world.agent, `/console/live/${busy.id}`, language);
    await expect(desk.locator(".screens .scene-price").first()).toBeVisible();
    await expect(desk.getByRole("region", { name: words("console", language)("live.stream") }).getByRole("button").nth(8)).toBeVisible();
    await pictures(desk, `console${name}`);
  });
}

test("player", async ({ device }) => {
  const screen = await device(DESK, "de");
  await screen.goto(devicePage("player", "window-1"));
  await expect(screen.locator(".layer.shown .scene-price")).toBeVisible();
  await pictures(screen, "player");
});

test("nfc", async ({ device }) => {
  const display = await device(DESK, "de");
  await display.goto(devicePage("nfc", "shelf-pets"));
  await expect(display.locator("figure.code").getByRole("img")).toBeVisible();
  await display.locator("main").click();
  await expect(display.locator(".hint")).toContainText(words("nfc", "de")("hint_answering"));
  await pictures(display, "nfc");
});

test("door", async ({ device }) => {
  const door = await device(DESK, "de");
  await door.goto(devicePage("door", "door-1"));
  await expect(door.locator("figure.code").getByRole("img")).toBeVisible();
  await pictures(door, "door");
});
