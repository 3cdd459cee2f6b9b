//! Owns the browsers of a test: phones, screens and desks, each a context of its own, each watched for faults of its pages.
//! Emits: `device(shape)`, which opens one. On failure: whatever a page did wrong unnoticed (an exception, an error in the console, a refused policy, a failed file)
//! fails the test that opened it.
import { type BrowserContext, type BrowserContextOptions, type Page, test as base, expect } from "@playwright/test";
import type { Language } from "./world.ts";

export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true };
export const TABLET: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, hasTouch: true };
export const DESK: BrowserContextOptions = { viewport: { width: 1920, height: 1080 } };

export type Open = (shape: BrowserContextOptions, language?: Language) => Promise<Page>;

export const test = base.extend<{ device: Open }>({
  device: async ({ browser }, use) => {
    const contexts: BrowserContext[] = [];
    const faults: string[] = [];
    await use(async (shape, language = "en") => {
      const context = await browser.newContext({ locale: language === "de" ? "de-DE" : "en-GB", timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...shape });
      contexts.push(context);
      watch(context, faults);
      await context.addInitScript(listen);
      return await context.newPage();
    });
    for (const context of contexts) await context.close();
    expect(faults).toEqual([]);
  },
});

function watch(context: BrowserContext, faults: string[]): void {
  context.on("weberror", ({ error }) => void faults.push(`exception: ${error().stack ?? error().message}`));
  context.on("console", (message) => {
    // A request without a good answer is judged below, where its address and status are known.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`console: ${message.text()}`);
  });
  context.on("response", (response) => {
    const { pathname } = new URL(response.url());
    // Refusals of the interface are answers; a page or file that is not there is a fault.
    const refused = response.status() >= 400 && !pathname.startsWith("/v1/");
    if (refused || response.status() >= 500) faults.push(`${response.status()} ${response.request().method()} ${pathname}`);
  });
}

interface Heard {
  /** Everything that servers sent to scripts, streams included. */
  readonly received: string[];
  /** Everything that scripts sent to servers. */
  readonly sent: string[];
  readonly shifts: { readonly value: number; readonly what: string[] }[];
}

/** Runs in every page before its own scripts. */
function listen(): void {
  const heard: Heard = { received: [], sent: [], shifts: [] };
  Object.assign(window, { heard });
  document.addEventListener("securitypolicyviolation", (event) => console.error(`policy refused ${event.violatedDirective}: ${event.blockedURI}`));
  type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node: Node | null }[] };
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries() as Shift[]) {
      if (shift.hadRecentInput) continue;
      const what = shift.sources.map(({ node }) => (node instanceof Element ? node.outerHTML.slice(0, 120) : (node?.nodeName ?? "?")));
      heard.shifts.push({ value: shift.value, what });
    }
  }).observe({ type: "layout-shift", buffered: true });
  const plain = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    heard.sent.push(`${url} ${typeof init?.body === "string" ? init.body : ""}`);
    const response = await plain(input, init);
    // What has no body may not be given one, not even an empty one.
    if (!response.body || response.status === 204) return response;
    const [theirs, ours] = response.body.tee();
    const decoder = new TextDecoder();
    const sink = new WritableStream<Uint8Array>({ write: (piece) => void heard.received.push(decoder.decode(piece, { stream: true })) });
    ours.pipeTo(sink).catch(() => undefined);
    const copy = new Response(theirs, response);
    Object.defineProperty(copy, "url", { value: response.url });
    return copy;
  };
}

/** What scripts of the page have heard and said so far. */
export function heard(page: Page): Promise<Heard> {
  return page.evaluate(() => (window as unknown as { heard: Heard }).heard);
}
