//! Holds what the fleet page says: every alarm and loss has words, nothing is counted twice, who needs somebody comes first.
import { describe, expect, it } from "vitest";
import de from "../../shared/locales/console.de.json";
import type { LossKind, LossView, NodeAlarm, NodeHealth, NodeLink } from "../../shared/types.ts";
import { alarm, alarms, loss, lostRecords, need, part, readable, rejection, size, skew, stream } from "../fleet.ts";

const link = (state: NodeLink["state"], quarantined = 0): NodeLink => ({ node: "t.s1.n1", state, seen_at: null, since: null, pending: 0, software: "", applied: 0, quarantined });
const health = (alarms: NodeAlarm[], held = 0): NodeHealth => ({
  node: "t.s1.n1",
  store: "s1",
  name: "S",
  active: true,
  reclaim: false,
  report: { software: "", alarms, class_a: { used_bytes: "0", budget_bytes: "0", pending: "0" }, class_c: { used_bytes: "0", budget_bytes: "0", pending: "0" }, offline_days: null, at: "2026-11-24T09:12:03Z" },
  seen: [],
  clock_skew_s: null,
  certificate_until: null,
  losses: [],
  held: Array.from({ length: held }, () => ({ stream: "sess", cursor: "1", poison_run: 50, since: "2026-11-24T09:12:03Z" })),
  documents_behind: 0,
  behind_since: null,
  rejected: [],
  overrides: [],
  orders_waiting: 0,
});
const lost = (kind: LossKind, records: number): LossView => ({ stream: "tele", kind, records, bytes: 0, epoch: "1-0000000000000000", from: "1", to: "2", at: "2026-11-24T09:12:03Z" });

describe("words", () => {
  it("has some for every alarm, loss and stream", () => {
    for (const code of ["storage_nearly_full", "storage_full", "disk_full", "identity_in_use", "clock_off", "certificate_due", "disk_behind", "stream_held", "certificate_expired", "clone_suspected", "superseded", "replaced", "unsupported"] as const) expect(de).toHaveProperty([alarm(code).key]);
    for (const kind of ["hole", "unkept", "budget", "disk_full", "ambiguous", "receiver_restored", "unknown"] as const) expect(de).toHaveProperty([loss(kind)]);
    for (const code of ["unreadable", "wrong_key", "not_here", "programme", "time_zone", "too_many"]) expect(de).toHaveProperty([rejection(code)!]);
    for (const name of ["sess", "audit", "reported", "tele", "order", "desired"]) expect(de).toHaveProperty([stream(name)!]);
  });
  it("calls what a newer cloud says unknown", () => {
    expect(alarm("toString" as NodeAlarm).key).toBe("alarm.unknown");
    expect(loss("constructor" as LossKind)).toBe("loss.unknown");
    expect(stream("valueOf")).toBeUndefined();
    expect(rejection("constructor")).toBeUndefined();
  });
});

describe("alarms", () => {
  it("leaves out a held stream that is shown itself", () => {
    expect(alarms(health(["clock_off", "stream_held"], 1))).toEqual(["clock_off"]);
    expect(alarms(health(["stream_held"]))).toEqual(["stream_held"]);
    expect(alarms({ ...health([]), report: null })).toEqual([]);
  });
  it("tells what node and cloud both say once, and the worst first", () => {
    const at = "2026-11-24T09:12:03Z";
    const both = { ...health(["clock_off", "certificate_due"]), seen: [{ alarm: "clock_off", at }, { alarm: "clone_suspected", at }] as const };
    expect(alarms({ ...both, seen: [...both.seen] })).toEqual(["clone_suspected", "clock_off", "certificate_due"]);
    expect(alarms({ ...health(["certificate_due"]), seen: [{ alarm: "certificate_expired", at }] })).toEqual(["certificate_expired"]);
    expect(need(link("lost"), { ...health([]), report: null, seen: [{ alarm: "superseded", at }] })).toBe(3);
  });
});

describe("losses", () => {
  it("tells a hole and its reason once", () => {
    expect(lostRecords([lost("hole", 40), lost("budget", 30), lost("disk_full", 10)])).toBe(40);
  });
  it("believes the larger of both ends", () => {
    expect(lostRecords([lost("hole", 5), lost("budget", 7), lost("ambiguous", 2), lost("unkept", 1)])).toBe(10);
    expect(lostRecords([])).toBe(0);
  });
});

describe("need", () => {
  it("puts what stands still before what is lost before what can wait", () => {
    const order = [need(link("online"), health(["stream_held"], 1)), need(link("lost"), health([])), need(link("online", 3), health([])), need(link("online"), health([]))];
    expect(order).toEqual([3, 2, 1, 0]);
    expect(need(link("lost"), { ...health([]), active: false })).toBe(0);
    expect(need(link("online"), { ...health([]), report: null })).toBe(0);
    expect(need(link("online"), { ...health([]), rejected: [{ key: "screen/x", code: "not_here" }] })).toBe(1);
  });
});

describe("figures", () => {
  it("reads sizes in the language of the reader", () => {
    expect(size("1180220", "en")).toBe("1.1 MB");
    expect(size("2147483648", "de")).toMatch(/^2\sGB$/);
    expect(size(12, "en")).toMatch(/^12\s?byte/);
  });
  it("tells how wrong a clock is in the unit that it fills", () => {
    expect(skew(-86_400, "de")).toMatch(/^1\sTag$/);
    expect(skew(172_700, "en")).toMatch(/^2\sdays$/);
    expect(skew(45, "en")).toMatch(/^45\sseconds$/);
  });
  it("knows no part of nothing", () => {
    expect(part("5", "10")).toBe(0.5);
    expect(part("5", "0")).toBe(0);
  });
  it("shows JSON in lines and anything else as it came", () => {
    expect(readable('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(readable("{")).toBe("{");
  });
});
