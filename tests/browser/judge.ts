//! Owns what is judged of every page: axe, its language, that nothing moves by itself, that nothing personal is on it.
//! Takes: a page that has settled. Emits: failed expectations.
import { AxeBuilder } from "@axe-core/playwright";
import { type Page, expect } from "@playwright/test";
import { heard } from "./devices.ts";
import type { Language } from "./world.ts";

/** Axe finds nothing, and the page says which language it speaks. */
export async function accessible(page: Page, language: Language): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("lang", language);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target.join(" ")}: ${violation.help}`))).toEqual([]);
}

/** Nothing has moved that the person did not move. */
export async function still(page: Page): Promise<void> {
  expect((await heard(page)).shifts).toEqual([]);
}

/** Nothing on a page that is wider than the page. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over, "pixels beyond the right edge").toBe(0);
}

/** Everything a page shows, keeps, hears and says, as one text. */
export async function everythingOn(page: Page): Promise<string> {
  const { received, sent } = await heard(page);
  const kept = await page.evaluate(async () => {
    const stores: unknown[] = [{ ...localStorage }, { ...sessionStorage }, document.cookie];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name ?? "");
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      for (const table of database.objectStoreNames) {
        const rows = database.transaction(table).objectStore(table).getAll();
        await new Promise((resolve) => (rows.onsuccess = resolve));
        stores.push(rows.result);
      }
      database.close();
    }
    for (const name of await caches.keys()) stores.push((await (await caches.open(name)).keys()).map(({ url }) => url));
    return JSON.stringify(stores);
  });
  const cookies = JSON.stringify(await page.context().cookies());
  return [await page.content(), kept, cookies, ...received, ...sent].join("\n");
}

/** None of these words of a person is anywhere on a page that everybody can see. `known` is on it, which shows that we look at the right place. */
export async function impersonal(page: Page, personal: readonly string[], known: string): Promise<void> {
  const everything = await everythingOn(page);
  expect(everything).toContain(known);
  expect(personal.filter((canary) => everything.toLowerCase().includes(canary.toLowerCase()))).toEqual([]);
}
