// A KPI's history: as a chart or as a table, of a period that is chosen or zoomed into.

import type { KpiData } from "@bos/client";
import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { now } from "../../app/clock.ts";
import { state } from "../../app/connection.ts";
import { insightsOf, notesOf } from "../../app/of_kpi.ts";
import { choose, chosen } from "../../app/router.tsx";
import { moment } from "../../app/words.ts";
import { Button, Segments, Select } from "../../ui/controls.tsx";
import { Empty, Failed, Loading } from "../../ui/shown.tsx";
import { Chart } from "./Chart.tsx";
import { type Figure, FIGURES, type Period, PERIODS, readZoom, type Span, spanOf, stepOf, USUAL_PERIOD, writeZoom, zoomed } from "./period.ts";
import { History, type Points } from "./points.ts";
import { type Forecast, extentOf, seriesOf } from "./series.ts";
import { ValueTable } from "./ValueTable.tsx";
import { utcDay } from "./words.ts";

const VIEWS = [{ value: "chart", label: "Chart" }, { value: "table", label: "Table" }] as const;
const STEPS = { raw: "Each value", hour: "One figure an hour", day: "One figure a day (of UTC)" };
const SHORTEST_MS = 60_000;

/** own: the forecast that this user has just asked for; it is shown instead of the common one. */
export function HistoryPanel({ kpi, own }: { kpi: KpiData; own: Forecast | null }) {
  const period = PERIODS.find(({ value }) => value === chosen("period"))?.value ?? USUAL_PERIOD;
  const figure = FIGURES.find(({ value }) => value === chosen("figure"))?.value ?? "last";
  const zoomText = chosen("zoom");
  const history = useMemo(() => new History(kpi.id, spanOf(period, readZoom(zoomText), Date.now()), figure), [kpi.id, period, zoomText, figure]);
  useEffect(() => history.begin(), [history]);
  const isLive = state.value?.state === "live";
  useEffect(() => {
    if (isLive && history.problem.peek()) history.load();
  }, [isLive, history]);
  const view = chosen("view") === "table" ? "table" : "chart";
  // What was there stays, and keeps the focus, until the new is.
  const last = useRef(history);
  if (history.shown.value) last.current = history;
  const { current: there } = last;
  const { value: points } = there.shown;
  return (
    <section class="panel kpi-history" aria-labelledby="history-title" aria-busy={there !== history}>
      <header class="kpi-history-header">
        <h2 id="history-title">History</h2>
        <Segments<Period | "zoom"> label="Period" options={PERIODS} value={zoomText ? "zoom" : period} onChoose={(value) => choose({ period: value === USUAL_PERIOD ? "" : value, zoom: "" })} />
        <Segments label="Shown as" options={VIEWS} value={view} onChoose={(value) => choose({ view: value === "chart" ? "" : value })} />
      </header>
      {points === null
        ? history.problem.value ? <Failed problem={history.problem.value} retry={() => history.load()} /> : <Loading what="the history" />
        : <Shown kpi={kpi} own={own} points={points} history={there} figure={figure} view={view} isZoomed={zoomText !== ""} />}
      {points !== null && history.problem.value && <Failed problem={history.problem.value} retry={() => history.load()} />}
    </section>
  );
}

interface ShownProps {
  kpi: KpiData;
  own: Forecast | null;
  points: Points;
  history: History;
  figure: Figure;
  view: "chart" | "table";
  isZoomed: boolean;
}

function Shown({ kpi, own, points: { points, step }, history: { span }, figure, view, isZoomed }: ShownProps) {
  const insights = useComputed(() => insightsOf(kpi.id)).value;
  const notes = useComputed(() => notesOf(kpi.id).filter(({ parentId }) => parentId === null)).value;
  const anomalies = useMemo(() => insights.filter((insight) => insight.kind === "anomaly"), [insights]);
  const forecast = own ?? insights.find((insight) => insight.kind === "prediction") ?? null;
  // Of a chart that goes on, the end is the newest value or now, whichever is later.
  const until = now.value;
  const series = useMemo(() => seriesOf(points, span.to === null ? forecast : null, span, until), [points, forecast, span, until]);
  const extent = useMemo(() => extentOf(series, span, until), [series, span, until]);
  // What has not been yet is no part of what is zoomed into.
  const zoom = (from: number, to: number) => Math.min(to, until) - from >= SHORTEST_MS && choose({ zoom: writeZoom(from, Math.min(to, until)) });
  const zoomIn = () => {
    const { from, to } = zoomed(extent, (extent.from + Math.min(extent.to, until)) / 2, 0.5);
    zoom(from, to);
  };
  const tools = (
    <div class="row kpi-history-tools">
      <span class="small soft grow" data-span>{isZoomed && `${spanInWords(span, step)}. `}{STEPS[step]}{points.length === 0 ? "" : `, ${points.length} in all`}.</span>
      {step !== "raw" && <Select<Figure> label="Figure of each step" options={FIGURES} value={figure} onChoose={(value) => choose({ figure: value === "last" ? "" : value })} />}
      <Button icon="plus" label="Zoom in" onClick={zoomIn} />
      {isZoomed && <Button data-whole onClick={() => choose({ zoom: "" })}>Whole period</Button>}
    </div>
  );
  if (points.length === 0) return <>{tools}<Empty title="No value in this time"><p>{kpi.value === null ? "Nobody has set a value yet." : "Choose a longer period to see earlier values."}</p></Empty></>;
  return (
    <>
      {tools}
      {view === "table"
        ? <ValueTable kpi={kpi} points={points} step={step} anomalies={anomalies} forecast={series.forecast} />
        : (
          <>
            <Chart kpi={kpi} series={series} step={step} extent={extent} anomalies={anomalies} notes={notes} onZoom={zoom} onWhole={() => choose({ zoom: "" })} />
            <ul class="kpi-legend small soft">
              <li data-line="value">value</li>
              {kpi.target !== null && <li data-line="target">target</li>}
              {series.forecast.length > 0 && <li data-line="forecast">forecast, with its likely range</li>}
              {anomalies.length > 0 && <li data-line="anomaly">unusual, and what was expected</li>}
            </ul>
          </>
        )}
    </>
  );
}

function spanInWords({ from, to }: Span, step: ReturnType<typeof stepOf>): string {
  const word = step === "day" ? utcDay : moment;
  return `${from === null ? "The beginning" : word(from)} to ${to === null ? "now" : word(to)}`;
}
