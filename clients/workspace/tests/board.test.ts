import assert from "node:assert/strict";
import { test } from "node:test";
import type { DepartmentData, KpiData } from "@bos/client";
import { byName, distance, type Facts, layoutOf, placesOf, sharing, type Wish } from "../src/views/board/order.ts";
import { extentOf, gather, type Point } from "../src/views/values/points.ts";
import { lineOf } from "../src/views/values/Spark.tsx";
import { numberIn } from "../src/views/values/typed.ts";

const AT = "2026-11-29T12:00:00Z";
const department = (id: string, parentId: string | null = null): DepartmentData => ({ id, name: id.toUpperCase(), parentId, updatedAt: AT });
const kpi = (id: string, more: Partial<KpiData> = {}): KpiData => ({
  id, name: id, key: id, unit: "EUR", value: 10, target: 20, direction: "higher",
  departmentId: "sales", ownerId: null, visibility: "organization", updatedAt: AT, ...more,
});
const byId = <Item extends { id: string }>(...items: Item[]) => new Map(items.map((item) => [item.id, item]));
const DEPARTMENTS = placesOf(byId(department("sales"), department("support", "sales"), department("area")));
const WISH: Wish = { search: "", filter: "all", sort: "name" };

function facts(kpis: KpiData[], more: Partial<Facts> = {}): Facts {
  const sets = { alerted: new Set<string>(), favourites: new Set<string>(), kept: new Set<string>() };
  return { kpis: byName(byId(...kpis), []), departments: DEPARTMENTS, today: Date.parse("2026-11-29T00:00:00Z"), ...sets, ...more };
}

const shown = (kpis: KpiData[], wish: Partial<Wish> = {}, more: Partial<Facts> = {}) =>
  layoutOf(facts(kpis, more), { ...WISH, ...wish }).sections.map(({ id, kpis: ids }) => [id, ...ids]);

test("departments stand in the order of the tree, the whole organization first", () => {
  const kpis = [kpi("a", { departmentId: "support" }), kpi("b"), kpi("c", { departmentId: null }), kpi("d", { departmentId: "area" })];
  assert.deepEqual(shown(kpis), [["", "c"], ["area", "d"], ["sales", "b"], ["support", "a"]]);
  assert.deepEqual(DEPARTMENTS.get("support")?.above, ["SALES"]);
});

test("departments that are above each other end nowhere in a circle", () => {
  const places = placesOf(byId(department("a", "b"), department("b", "a")));
  assert.deepEqual(places.get("a")?.ids, ["a", "b"]);
});

test("names are ordered as people count", () => {
  assert.deepEqual(shown([kpi("line 10"), kpi("line 9")]), [["sales", "line 9", "line 10"]]);
});

test("each word of a search is in the name, the key or the department", () => {
  const kpis = [kpi("cost", { departmentId: "support" }), kpi("cost of sales"), kpi("orders")];
  assert.deepEqual(shown(kpis, { search: " COST sup " }), [["support", "cost"]]);
});

test("a filter counts what there is of it, and hides no KPI whose value is being set", () => {
  const kpis = [kpi("bad"), kpi("good", { value: 20 }), kpi("old", { updatedAt: "2026-11-28T23:59:59Z", target: null })];
  const { counts, onTarget, judged } = layoutOf(facts(kpis), WISH);
  assert.deepEqual([counts.off, counts.today, onTarget, judged], [1, 2, 1, 2]);
  assert.deepEqual(shown(kpis, { filter: "off" }, { kept: new Set(["old"]) }), [["sales", "bad", "old"]]);
});

test("furthest from target comes first, what has none last", () => {
  const kpis = [kpi("none", { target: null }), kpi("near", { value: 19 }), kpi("less", { value: 30, direction: "lower" }), kpi("over", { value: 40 })];
  assert.deepEqual(shown(kpis, { sort: "distance" }), [["sales", "less", "near", "over", "none"]]);
  assert.equal(distance(kpi("x", { value: 5, target: 0, direction: "lower" })), 1);
});

test("of a layout only the sections that have changed are new", () => {
  const kpis = [kpi("a"), kpi("b", { departmentId: "area" })];
  const before = layoutOf(facts(kpis), WISH);
  assert.equal(sharing(before, layoutOf(facts([kpi("a", { value: 11 }), kpis[1] as KpiData]), WISH)), before);
  const after = sharing(before, layoutOf(facts([kpi("a", { value: 21 }), kpis[1] as KpiData]), WISH));
  assert.notEqual(after, before);
  assert.equal(after.sections[0], before.sections[0]);
  assert.equal(after.sections[1]?.kpis, before.sections[1]?.kpis);
});

test("numbers are read as people type them, and nothing is guessed", () => {
  const read = { "1234.5": 1234.5, " −7 ": -7, "1,234,567": 1234567, "1,234.5": 1234.5, "1 234 567,5": null, "1'234.5": 1234.5, ".5": 0.5, "2e3": 2000 };
  for (const [text, value] of Object.entries(read)) assert.equal(numberIn(text, "."), value, text);
  for (const text of ["", "1,5", "1,234", "1.234.567", "abc", "1,23,456", "12,34.5", "0x10"]) assert.equal(numberIn(text, "."), null, text);
});

test("with a decimal comma a point may mean either, and is not guessed", () => {
  const read = { "1234,5": 1234.5, "1.5": 1.5, "1.234.567": 1234567, "1.234,5": 1234.5, "1 234,5": 1234.5, "-0,25": -0.25 };
  for (const [text, value] of Object.entries(read)) assert.equal(numberIn(text, ","), value, text);
  for (const text of ["1.234", "1,234.5", "1,2,3"]) assert.equal(numberIn(text, ","), null, text);
});

test("of each day the last value stays, of a young KPI every value, and none of more than 90 days", () => {
  const points: Point[] = [];
  gather(points, "2026-11-01T08:00:00Z", 1);
  gather(points, "2026-11-01T09:00:00Z", 2);
  assert.equal(points.length, 2);
  gather(points, "2026-11-20T08:00:00Z", 3);
  gather(points, "2026-11-20T09:00:00Z", 4);
  gather(points, "2026-11-19T09:00:00Z", 99);
  assert.deepEqual(points.map(([, value]) => value), [1, 2, 4]);
  gather(points, "2027-02-10T09:00:00Z", 5);
  assert.deepEqual(extentOf(points), [4, 5]);
});

test("a line goes from its first value to its last, with the target only where it is in sight", () => {
  const values = [["2026-11-01T00:00:00Z", 5], ["2026-11-02T00:00:00Z", 5], ["2026-11-03T00:00:00Z", 9]] as const;
  const drawn = lineOf(values, 7);
  assert.equal(drawn?.line, "M3 29L60 29L117 3");
  assert.equal(drawn?.aim, 16);
  assert.equal(lineOf(values, 20)?.aim, null);
  assert.equal(lineOf(values.slice(0, 1), 7), null);
});
