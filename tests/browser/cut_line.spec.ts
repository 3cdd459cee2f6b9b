//! The line between a store and the cloud is cut: the console says so and since when, the store's surfaces go on, and afterwards all is told.
import { expect } from "@playwright/test";
import { DESK, TABLET, test } from "./devices.ts";
import { accessible } from "./judge.ts";
import { codeOn, newCustomer, openDesk, openDoor, unusedCode } from "./people.ts";
import { devicePage, order, pattern, store, words, world } from "./world.ts";

test("the console tells a cut line, the store goes on, and what happened meanwhile follows", async ({ device }) => {
  const [say, shop, nfc] = [words("console", "en"), words("shop", "en"), words("nfc", "en")];
  const screen = await device(DESK);
  await screen.goto(devicePage("player", "aisle-5"));
  await expect(screen.locator(".scene-price").first()).toBeVisible();
  const display = await device(TABLET);
  await display.goto(devicePage("nfc", "shelf-pets"));
  await expect(display.locator(".hint")).toContainText(nfc("hint_inviting"));
  const door = await openDoor(device);
  const phone = await newCustomer(device, shop, 2);
  const desk = await openDesk(device, world.operator, `/console/live/${store.id}`);
  const fleet = await desk.context().newPage();
  await fleet.goto(`${world.cloud}/console/fleet`);
  const node = fleet.getByRole("row").filter({ hasText: store.id });
  await expect(node).toContainText(say("node.online"));
  const taps = desk.locator(".counter").filter({ hasText: say("live.taps") }).locator(".counter-value");
  const before = Number(await taps.textContent());
  const notice = desk.getByText(say("live.cut"), { exact: true });
  await expect(notice).toBeHidden();

  await order("cut");
  await expect(notice).toBeVisible({ timeout: 60_000 });
  await expect(desk.getByText(pattern(say("live.cut_text")))).toBeVisible();
  await expect(node).toContainText(say("node.lost"));
  await expect(fleet.getByText(pattern(say("fleet.event", { state: say("node.lost") }))).filter({ hasText: store.id }).first()).toBeVisible();
  await accessible(desk, "en");
  await accessible(fleet, "en");

  const first = await screen.locator('[data-zone="main"] .layer.shown').last().textContent();
  await display.locator("main").tap();
  await expect(display.locator(".hint")).toContainText(nfc("hint_answering"));
  await expect(display.locator("figure.code").getByRole("img")).toBeVisible();
  await expect.poll(() => screen.locator('[data-zone="main"] .layer.shown').last().textContent(), { message: "the loop goes on", timeout: 30_000 }).not.toBe(first);
  await screen.reload();
  await expect(screen.locator('[data-zone="main"] .layer.shown')).not.toHaveCount(0);
  const code = await codeOn(door);
  await phone.goto(code);
  await expect(phone.getByText(shop("check_in.not_ready"))).toBeVisible();

  await order("heal");
  await expect(notice).toBeHidden({ timeout: 60_000 });
  await expect(node).toContainText(say("node.online"));
  await expect(fleet.getByText(pattern(say("fleet.event", { state: say("node.online") }))).filter({ hasText: store.id }).first()).toBeVisible();
  await expect.poll(async () => Number(await taps.textContent()), { message: "the tap is told" }).toBe(before + 1);
  await expect(node.getByRole("cell").nth(3)).toHaveText("0");
  await phone.goto(await unusedCode(door, code));
  await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
});
