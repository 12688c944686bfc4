// Which KPIs a board shows, by department and in which order. Pure, and cheap enough for each change of one of 1,000.

import type { DepartmentData, KpiData } from "@bos/client";
import { alphabet, isOnTarget } from "../../app/words.ts";

export type Filter = "all" | "off" | "today" | "alerts" | "favourites";
export type Sort = "name" | "distance" | "change";

export interface Section {
  /** Of the department; "" for KPIs of the whole organization. */
  id: string;
  name: string;
  /** Of the departments above, the outermost first. */
  above: readonly string[];
  /** What is shown of it, in order. */
  kpis: readonly string[];
  /** Of all that it has, whatever is shown. */
  onTarget: number;
  judged: number;
}

export interface Layout {
  sections: readonly Section[];
  /** How many there are, whatever is shown. */
  total: number;
  counts: Readonly<Record<Filter, number>>;
  onTarget: number;
  judged: number;
}

export interface Wish {
  search: string;
  filter: Filter;
  sort: Sort;
}

export interface Facts {
  /** By name. */
  kpis: readonly KpiData[];
  departments: ReadonlyMap<string, Place>;
  alerted: ReadonlySet<string>;
  favourites: ReadonlySet<string>;
  /** They stay in sight, whatever is wished. */
  kept: ReadonlySet<string>;
  /** When today has begun. */
  today: number;
}

/** Where a department is in the tree. */
export interface Place {
  id: string;
  name: string;
  above: readonly string[];
  /** Itself, and the ids of those above. */
  ids: readonly string[];
}

const WHOLE: Place = { id: "", name: "Whole organization", above: [], ids: [] };

/** Each department's place, in the order in which they are shown. */
export function placesOf(departments: ReadonlyMap<string, DepartmentData>): Map<string, Place> {
  const places = [...departments.values()].map((own) => placeIn(own, departments));
  const ordered = places.map((place) => ({ place, order: [...place.above, place.name].join(" / ") }));
  ordered.sort((a, b) => alphabet.compare(a.order, b.order));
  return new Map([["", WHOLE], ...ordered.map(({ place }) => [place.id, place] as const)]);
}

function placeIn({ id, name, parentId }: DepartmentData, departments: ReadonlyMap<string, DepartmentData>): Place {
  const ids = [id];
  const above = [];
  for (let parent = departments.get(parentId ?? ""); parent && !ids.includes(parent.id); parent = departments.get(parent.parentId ?? "")) {
    ids.push(parent.id);
    above.unshift(parent.name);
  }
  return { id, name, above, ids };
}

/** These by name; `known`: how they were ordered before, which is quick to tell to be right still. */
export function byName(kpis: ReadonlyMap<string, KpiData>, known: readonly KpiData[]): KpiData[] {
  const same = known.length === kpis.size && known.every(({ id, name }) => kpis.get(id)?.name === name);
  if (same) return known.map(({ id }) => kpis.get(id) as KpiData);
  return [...kpis.values()].sort((a, b) => alphabet.compare(a.name, b.name) || a.id.localeCompare(b.id));
}

/** How far a value misses its target, as a share of it: above 0 where it does. null where there is nothing to judge. */
export function distance({ value, target, direction }: Pick<KpiData, "value" | "target" | "direction">): number | null {
  if (value === null || target === null) return null;
  const short = direction === "lower" ? value - target : target - value;
  return short / (Math.abs(target) || Math.abs(value) || 1);
}

export function layoutOf(facts: Facts, { search, filter, sort }: Wish): Layout {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = new Map([...facts.departments].map(([id, { name, above }]) => [id, [...above, name].join(" ").toLowerCase()]));
  const sections = new Map([...facts.departments].map(([id, { name, above }]) => [id, { id, name, above, found: [] as KpiData[], onTarget: 0, judged: 0 }]));
  const counts: Record<Filter, number> = { all: 0, off: 0, today: 0, alerts: 0, favourites: 0 };
  let total = 0;
  for (const kpi of facts.kpis) {
    const section = sections.get(kpi.departmentId ?? "");
    if (!section) continue; // its department is about to come
    total += 1;
    const isGood = isOnTarget(kpi);
    if (isGood !== null) section.judged += 1;
    if (isGood) section.onTarget += 1;
    const passes: Record<Filter, boolean> = {
      all: true,
      off: isGood === false,
      today: Date.parse(kpi.updatedAt) >= facts.today,
      alerts: facts.alerted.has(kpi.id),
      favourites: facts.favourites.has(kpi.id),
    };
    const isMeant = !words.length || isNamed(words, kpi, texts.get(section.id) ?? "");
    if (isMeant) for (const name of FILTERS) if (passes[name]) counts[name] += 1;
    if ((isMeant && passes[filter]) || facts.kept.has(kpi.id)) section.found.push(kpi);
  }
  const all = [...sections.values()];
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    sections: all.filter(({ found }) => found.length).map(({ found, ...section }) => ({ ...section, kpis: inOrder(found, sort).map(({ id }) => id) })),
    total,
    counts,
    onTarget: sum(all.map(({ onTarget }) => onTarget)),
    judged: sum(all.map(({ judged }) => judged)),
  };
}

export const FILTERS: readonly Filter[] = ["all", "off", "today", "alerts", "favourites"];

/** Whether each word is in its name, its key or its department's. */
function isNamed(words: readonly string[], { name, key }: KpiData, department: string): boolean {
  const text = `${name} ${key} ${department}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function inOrder(kpis: KpiData[], sort: Sort): KpiData[] {
  if (sort === "distance") return kpis.sort((a, b) => (distance(b) ?? -Infinity) - (distance(a) ?? -Infinity) || 0);
  if (sort === "change") return kpis.sort((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt));
  return kpis;
}

/** The same layout, made of the very sections that are known where they have not changed: those are not drawn again. */
export function sharing(known: Layout | null, layout: Layout): Layout {
  if (!known) return layout;
  const before = new Map(known.sections.map((section) => [section.id, section]));
  const sections = layout.sections.map((section) => {
    const same = before.get(section.id);
    if (!same) return section;
    const kpis = isSame(same.kpis, section.kpis) ? same.kpis : section.kpis;
    const isAsBefore = kpis === same.kpis && same.name === section.name && isSame(same.above, section.above)
      && same.onTarget === section.onTarget && same.judged === section.judged;
    return isAsBefore ? same : { ...section, kpis };
  });
  const isAsBefore = isSame(known.sections, sections) && known.onTarget === layout.onTarget && known.judged === layout.judged
    && known.total === layout.total && FILTERS.every((name) => known.counts[name] === layout.counts[name]);
  return isAsBefore ? known : { ...layout, sections };
}

function isSame<Item>(before: readonly Item[], after: readonly Item[]): boolean {
  return before.length === after.length && before.every((item, index) => item === after[index]);
}
