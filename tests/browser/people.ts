//! Owns what people do on a page, step by step as they do it: sign in with the mailed code, consent, check in at the door.
//! Takes: pages and their words. On failure: the step that cannot be done fails the test.
import { type APIRequestContext, type BrowserContext, type Locator, type Page, expect } from "@playwright/test";
import { DESK, type Open, PHONE, TABLET } from "./devices.ts";
import { type Language, type Say, devicePage, words, world } from "./world.ts";

let people = 0;

/** An address nobody has used before; no other text contains its name. */
export function newEmail(): string {
  people += 1;
  return `guest-${Date.now().toString(36)}-${people}@shopper.example`;
}

/** The newest code that was mailed to an address, from the demo's mail page, which marks both for programs. */
async function presentCode(request: APIRequestContext, email: string): Promise<string | undefined> {
  const page = await (await request.get(`${world.cloud}/demo/mail`)).text();
  const mail = page.split("<article>").find((part) => part.includes(`data-to>${email}<`));
  return /data-code>(\d{6})</.exec(mail ?? "")?.[1];
}

/** The code that was mailed to an address, once it is another than `stale`. */
async function mailedCode(request: APIRequestContext, email: string, stale: string | undefined): Promise<string> {
  let code: string | undefined;
  const look = async () => {
    code = await presentCode(request, email);
    return code !== undefined && code !== stale;
  };
  await expect.poll(look, { message: `mail to ${email}` }).toBe(true);
  return code ?? "";
}

/** Signs in on the page that is open, from the form to what follows it. */
export async function signIn(page: Page, email: string, say: Say): Promise<void> {
  const stale = await presentCode(page.request, email);
  await page.getByLabel(say("sign_in.email")).fill(email);
  await page.getByRole("button", { name: say("sign_in.send") }).click();
  const field = page.getByLabel(say("sign_in.code"));
  await expect(field).toBeVisible();
  await field.fill(await mailedCode(page.request, email, stale));
  await expect(field).toBeHidden();
}

/** Types what `signIn` clicks. */
export async function signInByKeyboard(page: Page, email: string, say: Say): Promise<void> {
  await tabTo(page, page.getByLabel(say("sign_in.email")));
  await page.keyboard.type(email);
  await page.keyboard.press("Enter");
  const field = page.getByLabel(say("sign_in.code"));
  await expect(field).toBeVisible();
  const code = await mailedCode(page.request, email, undefined);
  await tabTo(page, field);
  await page.keyboard.type(code);
  await expect(field).toBeHidden();
}

/** Stops of the keyboard on one page; more means that focus is caught. */
const STOPS_MAX = 80;

/** Walks on with the Tab key until the wanted element has focus, and looks that focus can be seen wherever it stops. */
export async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(() => {
      const { activeElement } = document;
      if (!activeElement || activeElement === document.body) return undefined;
      const style = getComputedStyle(activeElement);
      const ring = style.outlineStyle !== "none" || style.boxShadow !== "none" || activeElement instanceof SVGElement;
      return ring ? undefined : activeElement.outerHTML.slice(0, 160);
    });
    expect(unseen, "focus cannot be seen").toBeUndefined();
  }
  throw new Error(`the keyboard does not reach ${wanted}`);
}

/** Gives the first consents, what matters in the store at the top, and goes on. */
export async function consent(page: Page, count: number, say: Say): Promise<void> {
  await expect(page.getByRole("heading", { name: say("consent.first") })).toBeVisible();
  for (let line = 0; line < count; line += 1) {
    const control = page.getByRole("switch").nth(line);
    await control.click();
    await expect(control).toBeChecked();
    await expect(control).toBeEnabled();
  }
  await page.getByRole("button", { name: say("consent.done") }).click();
  await expect(page.getByRole("heading", { name: say("consent.first") })).toBeHidden();
}

/** A phone of somebody who has signed in and consented to the first `count` purposes. */
export async function newCustomer(device: Open, say: Say, count: number, language: Language = "en"): Promise<Page> {
  const page = await device(PHONE, language);
  await page.goto(world.cloud);
  await signIn(page, newEmail(), say);
  await consent(page, count, say);
  return page;
}

type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;
const sessions = new Map<string, Session>();

/** A desk of a member of staff, who signs in once: codes are not sent to one address again and again. */
export async function openDesk(device: Open, email: string, path: string, language: Language = "en"): Promise<Page> {
  const say = words("console", language);
  const storageState = sessions.get(email);
  const desk = await device(storageState ? { ...DESK, storageState } : DESK, language);
  await desk.goto(`${world.cloud}${path}`);
  if (!storageState) await signIn(desk, email, say);
  // The console speaks the language of the profile until another is chosen.
  const choice = desk.getByRole("button", { name: say(`language.${language}`), exact: true });
  await choice.click();
  await expect(choice).toHaveAttribute("aria-pressed", "true");
  sessions.set(email, await desk.context().storageState());
  return desk;
}

/** Where the code on a device's page leads, read from the page as a camera reads it. */
export async function codeOn(page: Page): Promise<string> {
  const code = page.locator("figure.code");
  await expect(code.getByRole("img")).toBeVisible();
  return (await code.getAttribute("data-url")) ?? "";
}

/** The door of the first store. */
export async function openDoor(device: Open): Promise<Page> {
  const page = await device(TABLET);
  await page.goto(devicePage("door", "door-1"));
  return page;
}

/** The address of a code that nobody has used: the door shows another after each use. */
export async function unusedCode(door: Page, used: string | undefined): Promise<string> {
  let url = "";
  const look = async () => {
    url = await codeOn(door);
    return url !== used;
  };
  await expect.poll(look, { message: "the door shows another code" }).toBe(true);
  return url;
}

/** Who is signed in on a page, as the server knows them. */
export async function customerOf(page: Page): Promise<string> {
  const me = (await (await page.request.get(`${world.cloud}/v1/me`)).json()) as { customer: string };
  return me.customer;
}
