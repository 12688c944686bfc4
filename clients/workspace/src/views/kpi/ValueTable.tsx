// The same as the chart shows, to be read: the newest first.

import type { AnomalyData, Interval, KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { exactly, isOnTarget, moment } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import type { Step } from "./period.ts";
import type { Point } from "./points.ts";
import { expectedInWords, utcDay } from "./words.ts";

const AT_ONCE = 100;

interface ValueTableProps {
  kpi: KpiData;
  points: readonly Point[];
  step: Step;
  anomalies: readonly AnomalyData[];
  forecast: readonly Interval[];
}

export function ValueTable({ kpi, points, step, anomalies, forecast }: ValueTableProps) {
  const most = useSignal(AT_ONCE);
  const odd = new Map(anomalies.map((anomaly) => [anomaly.day, anomaly]));
  const shown = points.slice(-most.value).reverse();
  const unit = kpi.unit && ` (${kpi.unit})`;
  return (
    <>
      <div class="scrolls kpi-table" tabIndex={0} role="region" aria-label={`Values of ${kpi.name}`}>
        <table>
          <thead><tr><th scope="col">{step === "day" ? "Day" : "Time"}</th><th scope="col" class="number">Value{unit}</th><th scope="col">To be noted</th></tr></thead>
          <tbody>
            {forecast.toReversed().map(({ date, expected, lower, upper }) => (
              <tr key={`forecast ${date}`}><td>{utcDay(date)}</td><td class="number soft">{exactly(expected)}</td><td class="soft">forecast, {exactly(lower)} to {exactly(upper)}</td></tr>
            ))}
            {shown.map(({ at, value }) => {
              const anomaly = odd.get(new Date(at).toISOString().slice(0, 10));
              const isOn = isOnTarget({ ...kpi, value });
              return (
                <tr key={at}>
                  <td>{step === "day" ? utcDay(at) : moment(at)}</td>
                  <td class="number">{exactly(value)}</td>
                  <td>{[isOn === false && "off target", anomaly && `unusual: ${expectedInWords(anomaly)}`].filter(Boolean).join(", ")}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {points.length > most.value && <p><Button onClick={() => most.value += AT_ONCE}>Show earlier ones</Button></p>}
    </>
  );
}
