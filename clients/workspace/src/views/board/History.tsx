// A KPI's last 90 days on its card.

import type { KpiData } from "@bos/client";
import { useEffect } from "preact/hooks";
import { shortly } from "../../app/words.ts";
import { historyOf, wantHistory } from "../values/history.ts";
import { extentOf } from "../values/points.ts";
import { Spark } from "../values/Spark.tsx";

export function History({ kpi: { id, name, unit, target } }: { kpi: KpiData }) {
  const points = historyOf(id);
  useEffect(() => wantHistory(id), [id]);
  const extent = points && extentOf(points);
  const range = extent ? `${shortly(extent[0])} to ${shortly(extent[1])}` : points ? "no values yet" : "not loaded yet";
  return (
    <figure title={`90 days: ${range} ${extent ? unit : ""}`}>
      <Spark values={points ?? []} target={target} />
      <figcaption class="hidden-visually" data-readout>{name}, 90 days: {range}</figcaption>
    </figure>
  );
}
