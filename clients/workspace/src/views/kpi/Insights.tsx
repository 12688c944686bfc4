// What statistics say of a KPI: what was unusual, what is to come, and what is recommended.

import type { AnomalyData, KpiData, PredictionData, RecommendationData } from "@bos/client";
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useAttempt } from "../../app/attempt.ts";
import { bos, onMessage } from "../../app/connection.ts";
import { insightsOf } from "../../app/of_kpi.ts";
import { isManager } from "../../app/rights.ts";
import { Link } from "../../app/router.tsx";
import { exactly } from "../../app/words.ts";
import { Button, Problem, Select } from "../../ui/controls.tsx";
import { Badge } from "../../ui/shown.tsx";
import { announce } from "../../ui/told.tsx";
import type { Forecast } from "./series.ts";
import { expectedInWords, utcDay, withUnit } from "./words.ts";

const HORIZONS = ["7", "14", "30", "60", "90"].map((value) => ({ value, label: `${value} days` }));
const MOST_ANOMALIES = 5;
const TONES = { low: "soft", medium: "warning", high: "bad" } as const;

type Advice = Pick<RecommendationData, "message" | "evidence" | "method">;

interface InsightsProps {
  kpi: KpiData;
  /** The forecast that this user has asked for. */
  own: Forecast | null;
  onForecast: (forecast: Forecast | null) => void;
}

export function Insights({ kpi, own, onForecast }: InsightsProps) {
  const insights = useComputed(() => insightsOf(kpi.id)).value;
  const ownAdvice = useSignal<Advice | null>(null);
  const anomalies = insights.filter((one): one is AnomalyData => one.kind === "anomaly").sort((a, b) => b.day.localeCompare(a.day));
  const common = insights.find((one): one is PredictionData => one.kind === "prediction");
  const forecast = own ?? common ?? null;
  const advice = own ? ownAdvice.value : insights.find((one): one is RecommendationData => one.kind === "recommendation") ?? null;
  // What follows from one's own forecast comes after it, to nobody else.
  useEffect(() => onMessage(({ type, payload }) => {
    if (type === "RECOMMENDATION" && payload.kpiId === kpi.id && payload.insightId === undefined) ownAdvice.value = payload;
  }), [kpi.id]);
  const shown = useSignal(MOST_ANOMALIES);
  return (
    <section class="panel kpi-insights stack" aria-labelledby="insights-title">
      <h2 id="insights-title">Insights</h2>
      {advice && <AdviceShown advice={advice} unit={kpi.unit} />}
      {forecast && <ForecastShown forecast={forecast} unit={kpi.unit} isOwn={own !== null} onCommon={() => onForecast(null)} />}
      {anomalies.length > 0 && (
        <div class="stack">
          <h3>Unusual</h3>
          <ul class="stack">
            {anomalies.slice(0, shown.value).map(({ id, day, value, severity, method, ...bounds }) => (
              <li key={id} title={method} data-anomaly={id}>
                {utcDay(day)}: <b>{withUnit(value, kpi.unit)}</b>, {expectedInWords(bounds, kpi.unit)} <Badge tone={TONES[severity]}>{severity}</Badge>
              </li>
            ))}
          </ul>
          {anomalies.length > shown.value && <Button kind="plain" onClick={() => shown.value = anomalies.length}>Show all {anomalies.length}</Button>}
        </div>
      )}
      {insights.length === 0 && !own && <p class="soft">Nothing unusual, and no forecast yet. With 28 daily values each new one is judged by the KPI’s own history.</p>}
      <AskForForecast kpi={kpi} onForecast={(found) => (ownAdvice.value = null, onForecast(found))} />
      {isManager() && <p><Link to={kpi.departmentId ? `/reports?scope=department&id=${kpi.departmentId}` : "/reports?scope=organization"}>Make a report of {kpi.departmentId ? "its department" : "the organization"}</Link></p>}
    </section>
  );
}

function AdviceShown({ advice: { message, evidence, method }, unit }: { advice: Advice; unit: string }) {
  const { date, expected, lower, upper, target, daysMissed, horizon, certain } = evidence;
  return (
    <div class="kpi-advice" data-advice>
      <h3>Recommendation</h3>
      <p>{message}</p>
      <details class="small">
        <summary>What it rests on</summary>
        <p>
          {utcDay(date)}: {withUnit(expected, unit)} expected, {exactly(lower)} to {exactly(upper)}; the target is {withUnit(target, unit)}.
          It is missed on {daysMissed} of {horizon} days{certain ? ", even at best" : ""}. By {method}.
        </p>
      </details>
    </div>
  );
}

interface ForecastProps {
  forecast: Forecast;
  unit: string;
  isOwn: boolean;
  onCommon: () => void;
}

function ForecastShown({ forecast: { points, horizon, method }, unit, isOwn, onCommon }: ForecastProps) {
  const last = points.at(-1);
  if (!last) return null;
  return (
    <div data-forecast={isOwn ? "own" : "common"}>
      <h3>Forecast for the next {horizon} days</h3>
      <p>{utcDay(last.date)}: <b>{withUnit(last.expected, unit)}</b>, between {exactly(last.lower)} and {withUnit(last.upper, unit)}.</p>
      {isOwn && <p class="small soft">Asked for by you; only you see it. <Button kind="plain" onClick={onCommon}>Show the common one</Button></p>}
      <details class="small">
        <summary>How it was made</summary>
        <p class="soft">By {method}.</p>
      </details>
    </div>
  );
}

function AskForForecast({ kpi, onForecast }: { kpi: KpiData; onForecast: (forecast: Forecast) => void }) {
  const horizon = useSignal("30");
  const attempt = useAttempt();
  const run = () => attempt.run(async () => {
    onForecast(await bos().request("PREDICTION_REQUEST", { kpiId: kpi.id, horizon: Number(horizon.value) }));
    announce("The forecast is there.");
  });
  return (
    <div class="stack">
      <div class="row">
        <Select label="Days ahead" options={HORIZONS} value={horizon.value} onChoose={(value) => horizon.value = value} />
        <Button busy={attempt.busy} data-ask-forecast onClick={run}>Forecast</Button>
        {attempt.busy && <span class="small soft" role="status">Being made …</span>}
      </div>
      <Problem says={attempt.problem} />
    </div>
  );
}
