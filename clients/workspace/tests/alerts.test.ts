import assert from "node:assert/strict";
import { test } from "node:test";
import { BosError, RequestRefused } from "@bos/client";
import { inWords, problemsOf } from "../src/app/words.ts";
import { condition, duration, newRule, type RuleFields, sentOf, snoozes, told, typedOf } from "../src/views/alerts/rules.ts";
import { presets, problemsOf as problemsOfPeriod } from "../src/views/reports/periods.ts";

const BELOW: RuleFields = {
  kind: "below",
  threshold: 90,
  hours: null,
  forMinutes: 10,
  hysteresis: 0,
  severity: "critical",
  notifyOwner: true,
  notify: [],
  isActive: true,
};

test("a rule is said in words, each kind in its own", () => {
  assert.equal(condition(BELOW, "EUR"), "when it falls below 90 EUR for 10 minutes");
  assert.equal(condition({ ...BELOW, kind: "above", forMinutes: 120, threshold: 1500.5 }, ""), "when it rises above 1,500.5 for 2 hours");
  assert.equal(condition({ ...BELOW, kind: "change", threshold: 20, hours: 24, forMinutes: 0 }, "EUR"), "when it changes by 20 % or more within 24 hours");
  assert.equal(condition({ ...BELOW, kind: "missing", threshold: null, hours: 48, forMinutes: 0 }, "EUR"), "when it has no new value for 2 days");
});

test("whom a rule tells is said by name, and that it tells nobody", () => {
  assert.equal(told(BELOW, "Mia", []), "the owner, Mia");
  assert.equal(told(BELOW, null, []), "nobody");
  assert.equal(told({ notifyOwner: false }, "Mia", ["Bob", "Vera"]), "Bob and Vera");
  assert.equal(told(BELOW, null, ["A", "B", "C", "D"]), "A, B and 2 others");
});

test("of what was typed is sent what the kind of rule has, and nothing of it is changed", () => {
  const typed = { ...newRule({ target: 120, direction: "higher" }), threshold: " 90,5 ", forMinutes: "10" };
  assert.equal(typed.kind, "below");
  assert.deepEqual([sentOf(typed).threshold, sentOf(typed).hours, sentOf(typed).forMinutes], [90.5, null, 10]);
  const missing = sentOf({ ...typed, kind: "missing" });
  assert.deepEqual([missing.threshold, missing.hours, missing.forMinutes], [null, 24, 0]);
  assert.equal(sentOf({ ...typed, threshold: "many" }).threshold, null);
  const rule = { ...BELOW, id: "r", kpiId: "k", isBeyond: false, createdAt: "2026-11-29T12:00:00Z" };
  assert.deepEqual(sentOf(typedOf(rule)), BELOW);
});

test("a snooze until tomorrow ends at eight, also where the clocks are changed", () => {
  const evening = new Date(2026, 9, 24, 23, 30);
  const [hour, , tomorrow] = snoozes(evening.getTime());
  assert.equal(hour?.until.getTime(), evening.getTime() + 3_600_000);
  assert.deepEqual([tomorrow?.until.getDate(), tomorrow?.until.getHours(), tomorrow?.until.getMinutes()], [25, 8, 0]);
});

test("how long an alert has lasted is told in the largest unit that is full", () => {
  assert.equal(duration("2026-11-29T12:00:00Z", "2026-11-29T12:00:59Z"), "less than a minute");
  assert.equal(duration("2026-11-29T12:00:00Z", "2026-11-29T13:59:00Z"), "1 hour");
  assert.equal(duration("2026-11-29T12:00:00Z", "2026-12-02T12:00:00Z"), "3 days");
});

test("that somebody else was first is said as the server says it", () => {
  const details = { reason: "it is acknowledged already" };
  assert.equal(inWords(new RequestRefused("Not found.", { code: "NOT_FOUND", details })), "It is acknowledged already.");
});

test("what the API refuses is said by field", () => {
  const details = { threshold: ["At which value?"], hours: ["At most 8784 hours: a year."] } as unknown as BosError["details"];
  assert.deepEqual(problemsOf(new BosError("", { code: "INVALID_REQUEST", details })), { threshold: "At which value?", hours: "At most 8784 hours: a year." });
  assert.deepEqual(problemsOf(new TypeError("x")), {});
});

test("the usual periods of a report are whole weeks, months and quarters that are over", () => {
  const periods = (year: number, month: number, day: number) => presets(new Date(year, month - 1, day)).map(({ period: { from, to } }) => `${from} ${to}`);
  assert.deepEqual(periods(2026, 11, 29), ["2026-11-16 2026-11-22", "2026-10-01 2026-10-31", "2026-07-01 2026-09-30", "2025-11-01 2026-10-31"]);
  assert.deepEqual(periods(2024, 1, 1), ["2023-12-25 2023-12-31", "2023-12-01 2023-12-31", "2023-10-01 2023-12-31", "2023-01-01 2023-12-31"]);
});

test("a period that ends before it begins, or is too long, is refused at its field", () => {
  assert.deepEqual(problemsOfPeriod({ from: "2026-01-02", to: "2026-01-01" }), { to: "It ends before it begins." });
  assert.deepEqual(problemsOfPeriod({ from: "", to: "2026-01-01" }), { from: "From which day on?" });
  assert.deepEqual(problemsOfPeriod({ from: "2020-01-01", to: "2026-01-01" }), { from: "At most three years." });
  assert.deepEqual(problemsOfPeriod({ from: "2026-01-01", to: "2026-01-01" }), {});
});
