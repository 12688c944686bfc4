// What belongs to each KPI, by its id: derived once a change, however many cards ask for it.

import type { AlertData, AnnotationData, Entities } from "@bos/client";
import { computed } from "@preact/signals";
import { all } from "./live.ts";

export type InsightData = Entities["insight"];

/** Unresolved alerts, the worst first. */
const alerts = computed(() => group(all("alert").values(), ({ kpiId }) => kpiId, (a, b) => rank(a) - rank(b)));
const insights = computed(() => group(all("insight").values(), ({ kpiId }) => kpiId));
/** Notes that are pinned to it, in whatever session or in none. */
const notes = computed(() => group(all("annotation").values(), ({ entity }) => entity?.type === "kpi" ? entity.id : ""));

export const alertsOf = (kpiId: string): readonly AlertData[] => alerts.value.get(kpiId) ?? [];
export const insightsOf = (kpiId: string): readonly InsightData[] => insights.value.get(kpiId) ?? [];
export const notesOf = (kpiId: string): readonly AnnotationData[] => notes.value.get(kpiId) ?? [];

const SEVERITIES = ["critical", "warning", "info"];
const rank = ({ severity, state }: AlertData) => SEVERITIES.indexOf(severity) + (state === "open" ? 0 : SEVERITIES.length);

function group<Item>(items: Iterable<Item>, keyOf: (item: Item) => string, order?: (a: Item, b: Item) => number): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const own = groups.get(keyOf(item));
    if (own) own.push(item);
    else groups.set(keyOf(item), [item]);
  }
  if (order) for (const own of groups.values()) own.sort(order);
  return groups;
}
