import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnomalyData, KpiData, ServerMessage } from "@bos/client";
import { byDay, concerns } from "../src/views/kpi/items.ts";
import { readZoom, spanOf, stepOf, writeZoom, zoomed } from "../src/views/kpi/period.ts";
import { extentOf, flagsOf, rangeOf, seriesOf } from "../src/views/kpi/series.ts";
import { distance, doneBy, happened, type Item } from "../src/views/kpi/words.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const DAY = 86_400_000;
const at = (day: string) => Date.parse(`${day}T00:00:00Z`);

test("a long period is asked for in days, a short one value by value", () => {
  assert.equal(stepOf(spanOf("all", null, NOW), NOW), "day");
  assert.equal(stepOf(spanOf("30d", null, NOW), NOW), "hour");
  assert.equal(stepOf({ from: NOW - DAY, to: null }, NOW), "raw");
});

test("what was zoomed into is read back from the address, and nonsense is no zoom", () => {
  const zoom = { from: at("2026-11-01"), to: at("2026-11-02") };
  assert.deepEqual(readZoom(writeZoom(zoom.from, zoom.to)), zoom);
  assert.equal(readZoom("2026-11-02..2026-11-01"), null);
  assert.equal(readZoom("x"), null);
  assert.deepEqual(zoomed({ from: 0, to: 100 }, 50, 0.5), { from: 25, to: 75 });
});

const forecast = {
  horizon: 3,
  method: "m",
  points: ["2026-11-28", "2026-11-30", "2026-12-01", "2027-06-01"].map((date) => ({ date, expected: 5, lower: 4, upper: 6 })),
};

test("a forecast begins where the values end, and is no longer than what has been", () => {
  const points = [{ at: at("2026-11-26"), value: 1 }, { at: at("2026-11-28"), value: 2 }];
  const { data: [times, values, expected], forecast: shown } = seriesOf(points, forecast, { from: at("2026-11-20"), to: null }, NOW);
  assert.deepEqual(shown.map(({ date }) => date), ["2026-11-30", "2026-12-01"]);
  assert.deepEqual(values, [1, 2, null, null]);
  assert.deepEqual(expected, [null, 2, 5, 5]);
  assert.equal(times.at(-1), at("2026-12-01") / 1000);
});

test("without a value the chart has an extent and a range all the same", () => {
  const series = seriesOf([], null, { from: null, to: null }, NOW);
  assert.deepEqual(extentOf(series, { from: null, to: null }, NOW), { from: NOW - DAY, to: NOW });
  assert.deepEqual(rangeOf([null, undefined]), [0, 1]);
  assert.equal(rangeOf([0, 10])[0], 0);
});

test("flags that would cover one another are one, the newest note first", () => {
  const notes = ["2026-11-02", "2026-11-01", "2026-11-20"].map((day) => ({ createdAt: `${day}T00:00:00Z`, id: day }));
  const flags = flagsOf(notes, (time) => (time - at("2026-11-01")) / DAY * 10, 300);
  assert.deepEqual(flags.map(({ notes: own }) => own.map(({ id }) => id)), [["2026-11-02", "2026-11-01"], ["2026-11-20"]]);
});

test("a KPI's standing is told with its distance, also of a target of 0", () => {
  const kpi = { value: 280, target: 300, unit: "flights" } as KpiData;
  assert.equal(distance(kpi), "20 flights (6.7%) below its target");
  assert.equal(distance({ ...kpi, value: 0.3, target: 0.1, unit: "" }), "0.2 (200%) above its target");
  assert.equal(distance({ ...kpi, value: 64, target: 78, unit: "%" }), "14 % below its target");
  assert.equal(distance({ ...kpi, value: 2, target: 0 }), "2 flights above its target");
});

test("what happened is told in a sentence, and who did it by which way", () => {
  const by = { at: "2026-11-29T12:00:00Z", actorId: "1", actorName: "Mia", source: "rest" };
  const value: Item = { kind: "value", value: 9, before: 3, ...by };
  assert.equal(happened(value, "EUR"), "3 → 9 EUR");
  assert.equal(doneBy(value), "Mia, by REST");
  const odd = { kind: "anomaly", day: "2026-11-24", value: 82, lower: 93, upper: 97 } as AnomalyData & Item;
  assert.equal(happened(odd, "EUR"), "82 EUR on Nov 24, 2026 was unusual: expected 93 to 97 EUR");
  const fields = [{ name: "unit", before: null, after: "USD" }, { name: "owner", before: "Bob", after: null }];
  assert.equal(happened({ kind: "change", change: "updated", fields, ...by }, ""), "Unit set to “USD”; Owner emptied, which was “Bob”");
});

test("the line of time is read anew for what happens to its KPI, and not because it was read", () => {
  const message = (type: string, payload: object) => ({ type, payload }) as ServerMessage;
  const entity = { type: "kpi", id: "k1" };
  assert.equal(concerns(message("ALERT", { kpiId: "k1", sequence: 1 }), "k1"), true);
  assert.equal(concerns(message("ALERT", { kpiId: "k2", sequence: 1 }), "k1"), false);
  assert.equal(concerns(message("ANNOTATION_CREATED", { entity, sequence: 1 }), "k1"), true);
  assert.equal(concerns(message("SYNC_UPDATE", { data: { entity }, sequence: 1 }), "k1"), true);
  assert.equal(concerns(message("TIMELINE", { entity, items: [], complete: true }), "k1"), false);
});

test("items of one day are together, in their order", () => {
  const items = ["2026-11-29T10:00:00Z", "2026-11-29T09:00:00Z", "2026-11-28T09:00:00Z"].map((at) => ({ kind: "value", at }) as Item);
  assert.deepEqual(byDay(items, (at) => at.slice(0, 10)).map(([day, own]) => [day, own.length]), [["2026-11-29", 2], ["2026-11-28", 1]]);
});
