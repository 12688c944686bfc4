// What the user has chosen of a board: by its address, what can be shared; by preferences, what is a matter of taste.

import { computed } from "@preact/signals";
import { preference } from "../../app/preferences.ts";
import { choose, chosen } from "../../app/router.tsx";
import type { Filter, Sort, Wish } from "./order.ts";

export const FILTER_NAMES: Record<Filter, string> = { all: "All", off: "Off target", today: "Changed today", alerts: "Alerts", favourites: "Favourites" };
export const SORT_NAMES: Record<Sort, string> = { name: "By name", distance: "Furthest from target first", change: "Last changed first" };

export type Density = "cards" | "rows";

export const wish = computed<Wish>(() => ({
  search: chosen("search"),
  filter: oneOf(FILTER_NAMES, chosen("filter"), "all"),
  sort: oneOf(SORT_NAMES, chosen("sort"), "name"),
}));

export const isFiltered = () => wish.value.search !== "" || wish.value.filter !== "all";
export const search = (text: string) => choose({ search: text });
export const filterBy = (filter: Filter) => choose({ filter: filter === "all" ? "" : filter });
export const sortBy = (sort: Sort) => choose({ sort: sort === "name" ? "" : sort });
export const showAll = () => choose({ search: "", filter: "" });

export const density = (): Density => preference("density").value === "rows" ? "rows" : "cards";
export const showAs = (chosen: Density) => preference("density").value = chosen;

export const favourites = computed(() => idsOf("favourites"));
export const collapsed = computed(() => idsOf("collapsed"));
export const toggleFavourite = (kpiId: string) => toggle("favourites", kpiId);
export const toggleCollapsed = (departmentId: string) => toggle("collapsed", departmentId || WHOLE);
export const collapse = (departmentIds: readonly string[]) => keep("collapsed", departmentIds.map((id) => id || WHOLE));
export const isCollapsed = (departmentId: string) => collapsed.value.has(departmentId || WHOLE);

/** What stands for the whole organization among ids of departments. */
const WHOLE = "whole";

function idsOf(name: string): ReadonlySet<string> {
  return new Set(preference(name).value.split(" ").filter(Boolean));
}

function toggle(name: string, id: string): void {
  const ids = new Set(idsOf(name));
  if (!ids.delete(id)) ids.add(id);
  keep(name, [...ids]);
}

function keep(name: string, ids: readonly string[]): void {
  preference(name).value = ids.join(" ");
}

function oneOf<Name extends string>(names: Record<Name, string>, text: string, otherwise: Name): Name {
  return Object.hasOwn(names, text) ? text as Name : otherwise;
}
