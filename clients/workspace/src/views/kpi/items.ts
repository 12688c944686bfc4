// Items of the line of time: what makes them anew, and how they are put together.

import type { ServerMessage } from "@bos/client";
import type { Item } from "./words.ts";

/** Whether it is an event, and may be about an alert, an insight or a note of this KPI. */
export function concerns({ payload }: ServerMessage, kpiId: string): boolean {
  if (!payload || !("sequence" in payload)) return false;
  if ("kpiId" in payload && payload.kpiId === kpiId) return true;
  const about = "data" in payload ? payload.data : payload;
  if ("kpiId" in about && about.kpiId === kpiId) return true;
  if ("entity" in about && about.entity && "id" in about.entity && about.entity.id === kpiId) return true;
  // What is gone does not say what it was about.
  return "entityType" in payload && payload.entityType === "annotation" && "deletedBy" in payload;
}

/** Items of one day, the newest day first. */
export function byDay(items: readonly Item[], dayOf: (at: string) => string): [string, Item[]][] {
  const days = new Map<string, Item[]>();
  for (const item of items) {
    const own = days.get(dayOf(item.at));
    if (own) own.push(item);
    else days.set(dayOf(item.at), [item]);
  }
  return [...days];
}
