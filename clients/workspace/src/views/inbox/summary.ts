// What was missed, in words: pure, so that it can be tested by itself.

import type { Away } from "@bos/client";

/** Whoever has not looked for so long was away. */
export const AWAY_MS = 5 * 60_000;

const DAY_MS = 86_400_000;
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const weekdays = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const times = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** A time as people say it: "yesterday 17:40", "Friday 09:10", and of longer ago its date. */
export function since(at: string | number, now: number): string {
  const days = Math.round((midnight(now) - midnight(at)) / DAY_MS);
  return `${dayOf(at, days)} ${times.format(new Date(at))}`;
}

function dayOf(at: string | number, daysAgo: number): string {
  if (daysAgo <= 1) return relative.format(-daysAgo, "day");
  return (daysAgo < 7 ? weekdays : dates).format(new Date(at));
}

function midnight(at: string | number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** What has happened, in a few words each: "12 KPIs changed", "2 alerts (1 resolved)"; none where nothing has. */
export function headlines({ kpis, alerts, notes, reports, sessions }: Away): string[] {
  const mentions = notes?.lines.filter(({ mentionsMe }) => mentionsMe).length ?? 0;
  return [
    counted(kpis?.count, "KPI changed", "KPIs changed"),
    counted(alerts?.count, "alert", "alerts", alerts?.resolved ? `${alerts.resolved} resolved` : ""),
    counted(notes?.count, "note", "notes", mentions ? `${mentions} ${mentions === 1 ? "mentions" : "mention"} you` : ""),
    counted(reports?.count, "report", "reports"),
    counted(sessions?.count, "session", "sessions"),
  ].filter(Boolean);
}

function counted(count: number | undefined, one: string, many: string, besides = ""): string {
  if (!count) return "";
  return `${count} ${count === 1 ? one : many}${besides && ` (${besides})`}`;
}

/** Whether that is worth to be told: somebody was away, and something has happened. */
export function isNews(away: Away, now: number): boolean {
  return away.sinceAt !== null && now - Date.parse(away.sinceAt) >= AWAY_MS && headlines(away).length > 0;
}

/** By how much a value has moved, in parts of what it was; null where that says nothing. */
export function moved(from: number | null, to: number | null): number | null {
  return from === null || to === null || from === 0 ? null : (to - from) / Math.abs(from);
}
