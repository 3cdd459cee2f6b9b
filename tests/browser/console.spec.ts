//! The console: sign in, see a store live and why it shows what it shows, change an offer, ask why somebody did not get one.
import { expect } from "@playwright/test";
import { DESK, PHONE, test } from "./devices.ts";
import { accessible, still } from "./judge.ts";
import { codeOn, customerOf, newCustomer, newEmail, openDesk, openDoor, signIn, signInByKeyboard, tabTo } from "./people.ts";
import { LANGUAGES, devicePage, pattern, store, words, world } from "./world.ts";

for (const language of LANGUAGES) {
  test(`live shows the plan, who is counted, what each screen shows and why (${language})`, async ({ device }) => {
    const say = words("console", language);
    const screen = await device(DESK);
    await screen.goto(devicePage("player", "aisle-5"));
    await expect(screen.locator(".scene-price").first()).toBeVisible();
    const door = await openDoor(device);
    const desk = await openDesk(device, world.marketer, `/console/live/${store.id}`, language);
    await expect(desk.getByRole("group", { name: say("live.plan_of", { store: store.name }) })).toBeVisible();
    const visits = async () => Number(await desk.locator(".counter").filter({ hasText: say("live.visits") }).locator(".counter-value").textContent());
    await expect.poll(visits).not.toBeNaN();
    const before = await visits();

    const phone = await newCustomer(device, words("shop", "en"), 2);
    await phone.goto(await codeOn(door));
    await expect(phone.getByRole("article").first()).toBeVisible();
    const short = (await customerOf(phone)).slice(-6);
    await expect.poll(visits, { message: "the visit is counted" }).toBe(before + 1);
    const decided = desk.getByRole("region", { name: say("live.stream") }).getByRole("button").filter({ hasText: short });
    await expect(decided.filter({ hasText: say("reason.sent") }).first()).toBeVisible();
    await accessible(desk, language);

    const tile = desk.getByRole("button").filter({ hasText: language === "de" ? "Gang 5" : "Aisle 5" });
    await expect(tile.getByText(say("plan.subscribed"))).toBeVisible();
    await tile.click();
    const dialog = desk.getByRole("dialog");
    await expect(dialog.getByRole("heading", { name: say("live.why") })).toBeVisible();
    await expect(dialog.getByText(say("live.why_text", { why: say("plan.subscribed"), rule: say("rule.loop") }))).toBeVisible();
    await accessible(desk, language);
    await desk.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
  });
}

test("an offer is changed beside its preview, faults are named at their fields, and what is published is on the screens", async ({ device }) => {
  const say = words("console", "en");
  const screen = await device(DESK);
  await screen.goto(devicePage("player", "aisle-5"));
  const desk = await openDesk(device, world.marketer, "/console/offers");
  await desk.getByRole("row").filter({ hasText: "Dog food" }).click();
  const price = desk.getByLabel(say("offers.price"), { exact: true });
  const was = desk.getByLabel(say("form.was"));
  const headline = desk.getByLabel(say("form.headline_en")).first();
  await expect(price).toHaveValue(/\d,\d\d/);
  await accessible(desk, "en");

  await price.fill("cheap");
  await desk.getByRole("button", { name: say("offers.publish"), exact: true }).click();
  await expect(price).toHaveAccessibleDescription(pattern(say("gap.price")));
  await price.fill("4.44");
  await was.fill("4.00");
  await expect(was).toHaveAccessibleDescription(/./);
  await expect(desk.getByText(say("offers.check.one"))).toBeVisible();
  await accessible(desk, "en");
  await was.fill("5.99");
  await expect(desk.getByText(say("offers.check.one"))).toBeHidden();
  await headline.fill("one two three four five six seven eight nine ten eleven twelve thirteen");
  await expect(headline).toHaveAccessibleDescription(pattern(say("form.too_many")));
  await headline.fill("Dogs love it");
  await desk.getByRole("switch", { name: say("form.own", { surface: say("surface.screen") }) }).click();
  await expect(desk.getByRole("img", { name: `${say("preview.screen")}: Dogs love it` })).toBeVisible();
  await desk.getByLabel(say("form.rule")).fill("visit.zone ==");
  await expect(desk.getByLabel(say("form.rule"))).toHaveAccessibleDescription(/./);
  await desk.getByLabel(say("form.rule")).fill("");

  await desk.getByRole("button", { name: say("offers.publish"), exact: true }).click();
  await expect(desk.getByText(say("offers.published"))).toBeVisible();
  await expect(screen.locator('[data-zone="main"] .layer.shown').last().getByLabel("€4.44")).toBeVisible({ timeout: 60_000 });
  await desk.getByRole("link", { name: say("nav.offers") }).first().click();
  await expect(desk.getByRole("row").filter({ hasText: "Dog food" })).toContainText("4.44");

  await desk.getByRole("row").filter({ hasText: "Dog food" }).click();
  await desk.getByRole("button", { name: say("offers.withdraw") }).click();
  await expect(desk.getByRole("status").getByText(say("offers.withdrawn"))).toBeVisible();
});

test("the decision log says why somebody without consent got nothing", async ({ device }) => {
  const say = words("console", "en");
  const shop = words("shop", "en");
  const door = await openDoor(device);
  const phone = await newCustomer(device, shop, 0);
  await phone.goto(await codeOn(door));
  await expect(phone.getByRole("heading", { level: 1, name: store.name })).toBeVisible();
  await expect(phone.getByText(shop("home.none_visit"))).toBeVisible();
  const customer = await customerOf(phone);

  const desk = await openDesk(device, world.marketer, "/console/decisions");
  await desk.getByLabel(say("decisions.id"), { exact: true }).fill(customer);
  await desk.getByRole("button", { name: say("decisions.search") }).click();
  const rows = desk.getByRole("row").filter({ hasText: say("decision.clause", { clause: 2 }) });
  await expect(rows.first()).toContainText(say("reason.no_consent"));
  await rows.first().click();
  const clauses = desk.getByRole("list", { name: say("decision.clauses") }).getByRole("listitem");
  await expect(clauses).toHaveCount(10);
  await expect(clauses.nth(0)).toContainText(say("verdict.pass"));
  await expect(clauses.nth(1)).toContainText(say("verdict.stop"));
  await expect(clauses.nth(2)).toContainText(say("verdict.not_reached"));
  await accessible(desk, "en");
  await desk.reload();
  await expect(rows.first()).toContainText(say("reason.no_consent"));
});

test("a customer is not let in", async ({ device }) => {
  const say = words("console", "en");
  const desk = await device(DESK);
  await desk.goto(`${world.cloud}/console`);
  await signIn(desk, newEmail(), say);
  await expect(desk.getByRole("heading", { name: say("denied.title") })).toBeVisible();
  await accessible(desk, "en");
});

test("the keyboard alone leads from sign-in to an offer", async ({ device }) => {
  const say = words("console", "en");
  const desk = await device(DESK);
  await desk.goto(`${world.cloud}/console`);
  await signInByKeyboard(desk, world.operator, say);
  const english = desk.getByRole("button", { name: say("language.en"), exact: true });
  await tabTo(desk, english);
  await desk.keyboard.press("Enter");
  await tabTo(desk, desk.getByRole("link", { name: say("nav.offers") }));
  await desk.keyboard.press("Enter");
  await expect(desk.getByRole("heading", { level: 1, name: say("nav.offers") })).toBeVisible();
  const row = desk.getByRole("row").nth(1);
  await expect(row).toBeVisible();
  await tabTo(desk, row);
  await desk.keyboard.press("Enter");
  await expect(desk.getByLabel(say("offers.price"), { exact: true })).toBeVisible();
});

test("nothing in the console moves by itself after its first paint", async ({ device }) => {
  const say = words("console", "en");
  const desk = await openDesk(device, world.marketer, "/console");
  const pages = [
    { path: `/console/live/${store.id}`, there: desk.getByRole("group", { name: say("live.plan_of", { store: store.name }) }) },
    { path: "/console/offers", there: desk.getByRole("row").nth(1) },
    { path: "/console/offers/new", there: desk.getByLabel(say("offers.price"), { exact: true }) },
    { path: "/console/decisions", there: desk.getByRole("search") },
    { path: "/console/fleet", there: desk.getByRole("row").nth(1) },
  ];
  for (const { path, there } of pages) {
    await desk.goto(`${world.cloud}${path}`);
    await expect(there).toBeVisible();
    await test.step(path, () => still(desk));
  }
});

test("the console fits a phone held upright", async ({ device }) => {
  const phone = await device(PHONE);
  await phone.goto(`${world.cloud}/console`);
  await accessible(phone, "en");
});
