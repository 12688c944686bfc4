import type { KpiData } from "@bos/client";

/** Set a KPI's value: what was typed is kept until the server has it. Shows nothing to those who may not. */
export function ValueEditor(_: { kpi: KpiData }) {
  return null;
}
