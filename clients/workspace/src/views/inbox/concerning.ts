// The alerts that concern the user: of the KPIs that they own, and those of which they were notified.

import type { AlertData, NotificationData } from "@bos/client";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../../app/api.ts";
import { user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { unread } from "./notifications.ts";

const NEWEST = 200;

/** The ids of alerts of which the user was notified and has read so; those unread are in the store. */
export function useToldAlerts(): Signal<ReadonlySet<string>> {
  const told = useSignal<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const end = new AbortController();
    ask<{ items: NotificationData[] }>(`/api/v1/notifications?category=alert&limit=${NEWEST}`, { signal: end.signal })
      .then(({ items }) => told.value = new Set(items.flatMap(({ data }) => data.alertId ?? [])))
      .catch(() => {}); // those of the user's own KPIs, and what is unread, are there all the same
    return () => end.abort();
  }, []);
  return told;
}

export function concerning(told: ReadonlySet<string>): AlertData[] {
  const untold = new Set(unread.value.map(({ data }) => data.alertId));
  const kpis = all("kpi");
  const isOwn = (kpiId: string) => kpis.get(kpiId)?.ownerId === user.value?.id;
  return [...all("alert").values()].filter(({ id, kpiId }) => told.has(id) || untold.has(id) || isOwn(kpiId));
}
