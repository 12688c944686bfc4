// What belongs to each KPI, by its id: derived once a change, however many cards ask for it.

import type { AlertData, AnnotationData, AnomalyData, Entities } from "@bos/client";
import { computed, type ReadonlySignal } from "@preact/signals";
import { now } from "./clock.ts";
import { all } from "./live.ts";

export type InsightData = Entities["insight"];

const FRESH_MS = 3 * 86_400_000;

/** Unresolved alerts, the worst first. */
export const alertsOf = byKpi(() => all("alert").values(), ({ kpiId }) => kpiId, (a, b) => rank(a) - rank(b));
export const insightsOf = byKpi<InsightData>(() => all("insight").values(), ({ kpiId }) => kpiId);
/** Notes that are pinned to it, in whatever session or in none. */
export const notesOf = byKpi<AnnotationData>(() => all("annotation").values(), ({ entity }) => entity?.type === "kpi" ? entity.id : "");
/** Unusual values of the last days, the newest first. */
export const freshAnomaliesOf = byKpi<AnomalyData>(
  () => [...all("insight").values()].filter(isAnomaly).filter(({ day }) => now.value - Date.parse(day) < FRESH_MS),
  ({ kpiId }) => kpiId,
  (a, b) => b.day.localeCompare(a.day),
);

const SEVERITIES = ["critical", "warning", "info"];
const rank = ({ severity, state }: AlertData) => SEVERITIES.indexOf(severity) + (state === "open" ? 0 : SEVERITIES.length);

function isAnomaly(insight: InsightData): insight is AnomalyData {
  return insight.kind === "anomaly";
}

/** What there is of a KPI. Whoever reads it is drawn again when that has changed, not when another KPI's has. */
function byKpi<Item>(items: () => Iterable<Item>, keyOf: (item: Item) => string, order?: (a: Item, b: Item) => number): (kpiId: string) => readonly Item[] {
  let known = new Map<string, readonly Item[]>();
  const groups = computed(() => known = group(items(), keyOf, order, known));
  const ofOne = new Map<string, ReadonlySignal<readonly Item[]>>();
  return (kpiId) => {
    let found = ofOne.get(kpiId);
    if (!found) ofOne.set(kpiId, found = computed(() => groups.value.get(kpiId) ?? NOTHING));
    return found.value;
  };
}

const NOTHING: readonly never[] = [];

/** The items by key; a group that has not changed is the very one that is known. */
function group<Item>(items: Iterable<Item>, keyOf: (item: Item) => string, order: ((a: Item, b: Item) => number) | undefined, known: ReadonlyMap<string, readonly Item[]>): Map<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const own = groups.get(keyOf(item));
    if (own) own.push(item);
    else groups.set(keyOf(item), [item]);
  }
  if (order) for (const own of groups.values()) own.sort(order);
  return new Map([...groups].map(([key, own]) => [key, sameOr(known.get(key), own)]));
}

function sameOr<Item>(before: readonly Item[] | undefined, after: readonly Item[]): readonly Item[] {
  const isSame = before?.length === after.length && before.every((item, index) => item === after[index]);
  return isSame ? before : after;
}
