import type { KpiData } from "@bos/client";

/** The rules by which a KPI alerts: to see, and for managers to add, change and remove. */
export function AlertRules(_: { kpi: KpiData }) {
  return null;
}
