//! Owns what every browser test needs: addresses and secrets of the running system, sign-in, words of the pages, axe, screenshots.
//! Takes: `AISLE_WORLD`, JSON written by the Rust test that started the system. On failure: a missing variable or file says so at once.
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { type APIRequestContext, type Locator, type Page, expect } from "@playwright/test";

export interface Store {
  readonly id: string;
  readonly name: string;
  readonly http: string;
  /** By `{kind}.{device}`. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface World {
  readonly cloud: string;
  readonly marketer: string;
  readonly stores: readonly [Store, ...Store[]];
}

function read(): World {
  const text = process.env["AISLE_WORLD"];
  if (text === undefined) throw new Error("AISLE_WORLD is not set: run these tests through cargo nextest");
  return JSON.parse(text) as World;
}

export const world = read();
export const store = world.stores[0];

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");

/** Words of a page, as its users read them. */
export function words(page: "shop" | "console" | "player" | "nfc" | "door", locale: "en" | "de" = "en"): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(join(root, "web/shared/locales", `${page}.${locale}.json`), "utf8")) as Record<string, string>;
}

/** The text of a key; a key that is gone fails the test with its name. */
export function word(texts: Readonly<Record<string, string>>, key: string): string {
  const text = texts[key];
  if (text === undefined) throw new Error(`no text ${key}`);
  return text;
}

/** The newest code that was mailed to an address, once it is another than `stale`. */
export async function mailedCode(request: APIRequestContext, email: string, stale?: string): Promise<string> {
  let code: string | undefined;
  await expect
    .poll(async () => {
      code = await presentCode(request, email);
      return code !== undefined && code !== stale;
    })
    .toBe(true);
  return code ?? "";
}

/** The newest code for an address on the demo's mail page, which marks both for programs. */
export async function presentCode(request: APIRequestContext, email: string): Promise<string | undefined> {
  const page = await (await request.get(`${world.cloud}/demo/mail`)).text();
  const mail = page.split("<article>").find((part) => part.includes(`data-to>${email}<`));
  return /data-code>(\d{6})</.exec(mail ?? "")?.[1];
}

let people = 0;

/** An address nobody has used before. */
export function newEmail(): string {
  people += 1;
  return `guest-${Date.now().toString(36)}-${people}@shopper.example`;
}

/** Signs in on the page that is open, from the form to what follows it. */
export async function signIn(page: Page, email: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const stale = await presentCode(page.request, email);
  await page.getByLabel(word(texts, "sign_in.email")).fill(email);
  await page.getByRole("button", { name: word(texts, "sign_in.send") }).click();
  const field = page.getByLabel(word(texts, "sign_in.code"));
  await expect(field).toBeVisible();
  await field.fill(await mailedCode(page.request, email, stale));
}

/** Gives the first consent (what matters in the store) and goes on. */
export async function consent(page: Page, count: number): Promise<void> {
  const texts = words("shop");
  await expect(page.getByRole("heading", { name: word(texts, "consent.first") })).toBeVisible();
  for (let line = 0; line < count; line += 1) {
    const control: Locator = page.getByRole("switch").nth(line);
    await control.click();
    await expect(control).toBeChecked();
  }
  await page.getByRole("button", { name: word(texts, "consent.done") }).click();
}

interface DoorCode {
  readonly url: string;
}

/** A fresh check-in address, read from the door as its screen gets it. */
export async function doorUrl(request: APIRequestContext): Promise<string> {
  const secret = store.secrets["door.door-1"];
  const signedIn = await request.post(`${store.http}/v1/device-sessions`, { data: { kind: "door", device: "door-1", secret } });
  expect(signedIn.status()).toBe(204);
  const cookie = signedIn.headers()["set-cookie"]?.split(";")[0] ?? "";
  const stop = new AbortController();
  const stream = await fetch(`${store.http}/v1/doors/door-1/events`, { headers: { cookie }, signal: stop.signal });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const line = /^data: ?(.*)\n/m.exec(text);
    if (line?.[1] !== undefined) {
      stop.abort();
      return (JSON.parse(line[1]) as DoorCode).url;
    }
  }
  throw new Error("the door ended its stream without a code");
}

/** What axe finds on the page, as rule and place. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target.join(" ")}: ${violation.help}`));
}

/** Phone, tablet, large screen. */
export const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
] as const;

/** Writes a screenshot to `docs/screens/`, but only where `UPDATE_SCREENS=1`: other runs leave the tree clean. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env["UPDATE_SCREENS"] !== "1") return;
  const folder = join(root, "docs", "screens");
  await mkdir(folder, { recursive: true });
  for (const size of SIZES) {
    await page.setViewportSize({ ...size });
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(folder, `${name}-${size.width}x${size.height}.png`), animations: "disabled" });
  }
}
