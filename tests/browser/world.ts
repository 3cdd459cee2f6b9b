//! Owns what every browser test knows of the running system: addresses, secrets, the words of the pages, orders to its stores.
//! Takes: `AISLE_WORLD`, JSON written by the Rust test that started the system. On failure: a missing variable, key or file says so at once.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Store {
  readonly id: string;
  readonly name: string;
  readonly http: string;
  /** By `{kind}.{device}`. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface World {
  readonly cloud: string;
  /** Where journeys give orders to the stores. */
  readonly control: string;
  readonly marketer: string;
  readonly agent: string;
  readonly operator: string;
  /** The first one is empty; the second one may be full of people. */
  readonly stores: readonly [Store, Store];
}

function read(): World {
  const text = process.env["AISLE_WORLD"];
  if (text === undefined) throw new Error("AISLE_WORLD is not set: run these tests by `cargo nextest run -p aisle-tests --test browser`");
  return JSON.parse(text) as World;
}

export const world = read();
export const store = world.stores[0];
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export type Language = "de" | "en";
export const LANGUAGES: readonly Language[] = ["de", "en"];
export type Say = (key: string, parameters?: Readonly<Record<string, string | number>>) => string;

/** Words of a page, as its users read them. A key that is gone fails the test with its name. */
export function words(page: "shop" | "console" | "player" | "nfc" | "door", language: Language): Say {
  const texts = JSON.parse(readFileSync(join(root, "web/shared/locales", `${page}.${language}.json`), "utf8")) as Record<string, string>;
  return (key, parameters = {}) => {
    const text = texts[key];
    if (text === undefined) throw new Error(`${page} has no text ${key}`);
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
  };
}

/** A text with parameters that the test does not know, as a pattern. */
export function pattern(text: string): RegExp {
  return new RegExp(
    text
      .split(/\{\w+\}/)
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".+"),
  );
}

/** Address of a device's page with the key that pairs it. */
export function devicePage(page: "player" | "nfc" | "door", device: string, where: Store = store): string {
  const kind = page === "player" ? "screen" : page;
  const secret = where.secrets[`${kind}.${device}`];
  if (secret === undefined) throw new Error(`${where.id} has no ${kind} ${device}`);
  return `${where.http}/${page}/${device}#key=${secret}`;
}

type Order = "cut" | "heal" | "stop_node" | "start_node";

/** Severs or mends the line of a store, stops or starts its node; returns when that is done. */
export async function order(what: Order, place = 0): Promise<void> {
  const answer = await fetch(world.control, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ do: what, store: place }) });
  if (answer.status !== 204) throw new Error(`${what}: the world answered ${answer.status}`);
}
