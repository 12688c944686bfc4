// Who has set a KPI's value last, when and by which way.

import type { KpiData } from "@bos/client";
import { useEffect, useMemo } from "preact/hooks";
import { Ago } from "../../ui/shown.tsx";
import { Happenings } from "./happenings.ts";
import { doneBy } from "./words.ts";

export function LastChange({ kpi: { id, value } }: { kpi: KpiData }) {
  const values = useMemo(() => new Happenings(id, ["values"], 1), [id]);
  useEffect(() => values.begin(), [values]);
  const last = values.items.value?.[0];
  if (!last) return value === null ? <p class="soft">Nobody has set a value yet.</p> : null;
  const by = doneBy(last).replace(/^The system/, "the system");
  return <p class="soft" data-last-change>Changed <Ago at={last.at} />{by && ` by ${by}`}</p>;
}
