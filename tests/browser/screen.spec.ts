//! A screen: plays its plan, follows what is published without a reload, goes on while the node is away and after a restart, and reports its plays.
import { type Page, expect } from "@playwright/test";
import { DESK, TABLET, test } from "./devices.ts";
import { accessible, impersonal } from "./judge.ts";
import { codeOn, customerOf, newCustomer, openDesk, openDoor } from "./people.ts";
import { devicePage, order, pattern, store, words, world } from "./world.ts";

const player = words("player", "en");
const say = words("console", "en");

/** The picture that a passer-by sees now. */
const shown = (page: Page) => page.locator('[data-zone="main"] .layer.shown').last();

async function openScreen(page: Page, screen: string): Promise<void> {
  await page.goto(devicePage("player", screen));
  await expect(shown(page).locator(".scene-price")).toBeVisible();
}

test("a screen shows a new price as soon as it is published, without a black frame or a reload", async ({ device }) => {
  const screen = await device(DESK);
  await openScreen(screen, "aisle-5");
  expect(new URL(screen.url()).hash, "the key has left the address").toBe("");
  await accessible(screen, "en");
  const loaded = await screen.evaluate(() => performance.timeOrigin);
  await screen.evaluate(() => {
    const counted = { frames: 0, empty: 0 };
    Object.assign(window, { counted });
    const look = () => {
      counted.frames += 1;
      const layers = [...document.querySelectorAll<HTMLElement>('[data-zone="main"] .layer')];
      // Two layers may fade into each other; one of them at least covers the zone.
      if (!layers.some((layer) => layer.classList.contains("shown") && layer.offsetWidth === layer.parentElement?.offsetWidth)) counted.empty += 1;
      requestAnimationFrame(look);
    };
    look();
  });
  const desk = await openDesk(device, world.marketer, "/console");
  await desk.getByRole("link", { name: say("nav.offers") }).click();
  await desk.getByRole("row").filter({ hasText: "Cat food" }).click();
  await desk.getByLabel(say("offers.price"), { exact: true }).fill("1.23");
  await desk.getByRole("button", { name: say("offers.publish"), exact: true }).click();
  await expect(desk.getByText(say("offers.published"))).toBeVisible();
  // The loop comes round in less than a minute.
  await expect(shown(screen).getByLabel("€1.23")).toBeVisible({ timeout: 60_000 });
  expect(await screen.evaluate(() => performance.timeOrigin)).toBe(loaded);
  const counted = await screen.evaluate(() => (window as unknown as { counted: { frames: number; empty: number } }).counted);
  expect(counted.frames).toBeGreaterThan(100);
  expect(counted.empty).toBe(0);
});

test("a screen plays on while the node is away, also after a restart, and reports those plays later", async ({ device }) => {
  const screen = await device(DESK);
  await openScreen(screen, "aisle-5");
  const kept = () => screen.evaluate(async () => (await caches.match(location.pathname)) !== undefined && (await caches.match("/assets/art/cat-food.svg")) !== undefined);
  await expect.poll(kept, { message: "page and pictures are on this machine" }).toBe(true);
  const desk = await openDesk(device, world.marketer, "/console");
  const plays = async () => {
    const { offers } = (await (await desk.request.get(`${world.cloud}/v1/offers`)).json()) as { offers: { plays_today: number }[] };
    return offers.reduce((sum, { plays_today }) => sum + plays_today, 0);
  };
  const before = await plays();
  await order("stop_node");
  try {
    await screen.reload();
    await expect(shown(screen)).toBeVisible();
    const first = await shown(screen).textContent();
    await expect.poll(() => shown(screen).textContent(), { message: "the loop goes on", timeout: 30_000 }).not.toBe(first);
    await expect(screen.locator(".unpaired")).toHaveCount(0);
    expect(await screen.evaluate(() => [...document.images].filter((image) => image.complete && image.naturalWidth === 0).map(({ src }) => src))).toEqual([]);
    await accessible(screen, "en");
  } finally {
    await order("start_node");
  }
  await expect.poll(plays, { message: "plays during the outage are counted", timeout: 60_000 }).toBeGreaterThan(before);
});

test("a screen without its key says what to do", async ({ device }) => {
  const wrong = await device(DESK);
  await wrong.goto(devicePage("player", "till-1").replace(/key=.*/, "key=wrong"));
  await expect(wrong.getByText(player("refused"))).toBeVisible();
  await accessible(wrong, "en");
  const none = await device(DESK);
  await none.goto(devicePage("player", "till-1").replace(/#.*/, ""));
  await expect(none.getByText(pattern(player("unpaired")))).toBeVisible();
});

test("a visit leaves no trace of the person on screen and door", async ({ device }) => {
  const screen = await device(DESK);
  await openScreen(screen, "window-1");
  const door = await openDoor(device);
  await accessible(door, "en");
  const phone = await newCustomer(device, words("shop", "en"), 2);
  const code = await codeOn(door);
  await phone.goto(code);
  await expect(phone.getByRole("article").first()).toBeVisible();
  await expect.poll(() => codeOn(door), { message: "the door shows another code" }).not.toBe(code);
  const me = (await (await phone.request.get(`${world.cloud}/v1/me`)).json()) as { visit: { visit: string } };
  const personal = [await customerOf(phone), me.visit.visit, "guest-", "shopper.example"];
  await impersonal(screen, personal, "window-1");
  await impersonal(door, personal, new URL(code).origin);
});

test("the door without its key says what to do", async ({ device }) => {
  const wrong = await device(TABLET);
  await wrong.goto(devicePage("door", "door-1", store).replace(/key=.*/, "key=wrong"));
  await expect(wrong.getByText(words("door", "en")("refused"))).toBeVisible();
  await accessible(wrong, "en");
});
