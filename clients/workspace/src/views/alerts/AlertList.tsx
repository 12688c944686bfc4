import type { AlertData } from "@bos/client";

/** Alerts, with what can be done about each: acknowledge, snooze. `withKpi`: name the KPI, as elsewhere than on its page. */
export function AlertList(_: { alerts: readonly AlertData[]; withKpi?: boolean }) {
  return null;
}
