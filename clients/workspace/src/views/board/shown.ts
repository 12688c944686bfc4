// What a board shows just now, derived from what is live and what the user has chosen.

import type { KpiData } from "@bos/client";
import { computed, type ReadonlySignal } from "@preact/signals";
import { now } from "../../app/clock.ts";
import { all } from "../../app/live.ts";
import { beingSet } from "../values/setting.ts";
import { favourites, wish } from "./chosen.ts";
import { byName, type Layout, layoutOf, placesOf, sharing } from "./order.ts";

export const places = computed(() => placesOf(all("department")));
const alerted = computed(() => new Set([...all("alert").values()].map(({ kpiId }) => kpiId)));
const today = computed(() => new Date(now.value).setHours(0, 0, 0, 0));

let known: KpiData[] = [];
const kpis = computed(() => known = byName(all("kpi"), known));

/** The layout of a board; departmentId: of that department and those below it only. */
export function boardOf(departmentId: string | null): ReadonlySignal<Layout> {
  let before: Layout | null = null;
  return computed(() => {
    const departments = departmentId === null ? places.value : new Map([...places.value].filter(([, { ids }]) => ids.includes(departmentId)));
    const facts = { kpis: kpis.value, departments, alerted: alerted.value, favourites: favourites.value, kept: beingSet.value, today: today.value };
    return before = sharing(before, layoutOf(facts, wish.value));
  });
}
