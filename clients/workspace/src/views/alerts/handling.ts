// Who may acknowledge and snooze an alert, as far as the page can know, and doing so.

import type { AlertData, NotificationData } from "@bos/client";
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, pages } from "../../app/api.ts";
import { bos, user } from "../../app/connection.ts";
import { all, entity } from "../../app/live.ts";
import { isManager } from "../../app/rights.ts";
import type { Rule } from "./rules.ts";

const MOST = 1_000;
const FRESH_MS = 60_000;
/** Rules that name the user, and alerts of which they were notified; read ones are not in the store. */
const rules = signal<ReadonlySet<string>>(new Set());
const read = signal<ReadonlySet<string>>(new Set());
const unread = computed(() => new Set(all("notification").values().map(({ data }) => data.alertId)));

/** Managers, the KPI's owner, and those who were or will be notified: as kpis/alerts/handling.py has it. */
export function mayHandle({ id, kpiId, ruleId }: AlertData): boolean {
  if (isManager()) return true;
  const own = user.value?.id;
  if (own && entity("kpi", kpiId)?.ownerId === own) return true;
  return (ruleId !== null && rules.value.has(ruleId)) || read.value.has(id) || unread.value.has(id);
}

/** Find out what `mayHandle` has to know of this user; where that fails, they are offered less. */
export function useHandling(): void {
  const { id = "" } = user.value ?? {};
  const needed = id !== "" && !isManager();
  useEffect(() => {
    // Several lists may be shown at once.
    if (!needed || (asked.userId === id && Date.now() - asked.at < FRESH_MS)) return;
    if (asked.userId !== id) rules.value = read.value = new Set(); // somebody else's
    asked = { userId: id, at: Date.now() };
    find(id).catch(() => asked.at = 0);
  }, [id, needed]);
}

let asked = { userId: "", at: 0 };

async function find(userId: string): Promise<void> {
  const told: { items: NotificationData[] } = await ask(`/api/v1/notifications?category=alert&limit=${MOST}`);
  read.value = new Set(told.items.flatMap(({ data }) => data.alertId ?? []));
  const naming = new Set<string>();
  for await (const page of pages<Rule>(`/api/v1/alert-rules?notifies=${userId}&limit=${MOST}`)) {
    for (const { id } of page) naming.add(id);
  }
  rules.value = naming;
}

export function acknowledge(alertId: string): Promise<unknown> {
  return bos().request("ALERT_ACKNOWLEDGE", { alertId });
}

export function snooze(alertId: string, until: Date): Promise<unknown> {
  return bos().request("ALERT_SNOOZE", { alertId, until: until.toISOString() });
}

export function isSnoozed({ snoozedUntil }: AlertData, now: number): boolean {
  return snoozedUntil !== null && Date.parse(snoozedUntil) > now;
}
