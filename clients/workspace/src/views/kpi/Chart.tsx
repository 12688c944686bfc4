// A KPI's history as a chart: zoomed by dragging or by buttons, read with the arrow keys.

import type { AnnotationData, AnomalyData, KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type UPlot from "uplot";
import { state } from "../../app/connection.ts";
import { preference } from "../../app/preferences.ts";
import { notePlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { day, moment, shortly } from "../../app/words.ts";
import { Icon } from "../../ui/icons.tsx";
import { coloursOf, optionsOf } from "./drawing.ts";
import { type Step, zoomed } from "./period.ts";
import { extentOf, flagsOf, type Series } from "./series.ts";
import { expectedInWords, utcDay, withUnit } from "./words.ts";

export interface ChartProps {
  kpi: KpiData;
  series: Series;
  step: Step;
  extent: ReturnType<typeof extentOf>;
  anomalies: readonly AnomalyData[];
  notes: readonly AnnotationData[];
  /** The user wants to see this part alone, in milliseconds. */
  onZoom: (from: number, to: number) => void;
  onWhole: () => void;
}

const PAGE = 10;
const KEYS = "Arrow keys read it, + and - zoom, Escape shows the whole period. With the mouse: drag to zoom, double click for the whole.";

export function Chart(props: ChartProps) {
  const { kpi, series, step, anomalies, notes } = props;
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const index = useSignal<number | null>(null);
  /** Counts what moves the flags: the chart was drawn anew. */
  const drawn = useSignal(0);
  /** What draws it could not be loaded: asked for again with the next connection. */
  const lacks = useSignal(false);
  const attempt = useSignal(0);
  const isLive = state.value?.state === "live";
  const theme = preference("theme", { everybody: true }).value;

  useEffect(() => {
    const { current: box } = host;
    if (!box) return;
    let isThere = true;
    let plot: UPlot | null = null;
    const draw = (Plot: typeof UPlot) => {
      plot?.destroy();
      const events = { onIndex: (at: number | null) => index.value = at, onDrawn: () => drawn.value += 1 };
      plot = chart.current = new Plot(optionsOf(box, coloursOf(box), () => latest.current, events), latest.current.series.data as UPlot.AlignedData, box);
    };
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const resized = new ResizeObserver(([{ contentRect }]) => plot?.setSize({ width: contentRect.width, height: plot.height }));
    let redraw = () => {};
    import("uplot").then(({ default: Plot }) => {
      if (!isThere) return;
      redraw = () => draw(Plot);
      redraw();
      dark.addEventListener("change", redraw);
      resized.observe(box);
    }, () => lacks.value = true);
    return () => {
      isThere = false;
      dark.removeEventListener("change", redraw);
      resized.disconnect();
      plot?.destroy();
      chart.current = null;
    };
  }, [theme, step === "day", attempt.value]);
  useEffect(() => {
    if (!isLive || !lacks.value) return;
    lacks.value = false;
    attempt.value += 1;
  }, [isLive]);
  useEffect(() => chart.current?.setData(series.data as UPlot.AlignedData), [series, props.extent.from, props.extent.to]);
  useEffect(() => chart.current?.redraw(false), [kpi.target, anomalies]);

  const times = series.data[0];
  const move = (to: number) => {
    const { current: plot } = chart;
    if (!plot || times.length === 0) return;
    const at = Math.max(0, Math.min(times.length - 1, to));
    plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 0 });
    index.value = at;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const now = index.value ?? times.length - 1;
    const steps: Record<string, number> = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - PAGE, PageDown: now + PAGE, Home: 0, End: times.length - 1 };
    const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) move(steps[event.key]);
    else if (factor && times.length > 0) {
      const { from, to } = zoomed(props.extent, times[Math.min(now, times.length - 1)] * 1000, factor);
      props.onZoom(from, to);
    }
    else if (event.key === "Escape") props.onWhole();
    else return;
    event.preventDefault();
  };
  const reading = readingOf(props, index.value);
  void drawn.value;
  const plot = chart.current;
  const flags = plot ? flagsOf(notes, (at) => plot.valToPos(at / 1000, "x"), plot.over.clientWidth) : [];
  return (
    <figure class="kpi-chart">
      <div class="kpi-flags" style={{ marginLeft: `${plot ? plot.over.offsetLeft : 0}px` }}>
        {flags.map(({ left, notes: [newest, ...more] }) => {
          const first = more.length > 0 ? `${more.length + 1} notes, the newest by` : "Note by";
          const says = `${first} ${newest.authorName}, ${day(newest.createdAt)}: ${newest.content.slice(0, 120)}`;
          return (
            <Link key={newest.id} to={notePlace(newest)} class="kpi-flag" style={{ left: `${left}px` }} aria-label={says} title={says} data-flag={newest.id}>
              <Icon name="flag" filled={newest.resolvedAt === null} />
              {more.length > 0 && <span aria-hidden="true">{more.length + 1}</span>}
            </Link>
          );
        })}
      </div>
      <div
        class="kpi-plot" ref={host} tabIndex={0} role="slider" onKeyDown={onKeyDown} data-chart
        aria-label={`${kpi.name}: values in time, by the arrow keys`} aria-orientation="horizontal" aria-description={KEYS} title={KEYS}
        aria-valuemin={0} aria-valuemax={Math.max(0, times.length - 1)} aria-valuenow={index.value ?? Math.max(0, times.length - 1)} aria-valuetext={reading}
        onFocus={() => index.value === null && move(times.length - 1)}
      />
      {lacks.value && <p class="soft small" role="status">The chart comes as soon as there is a connection. The table shows the same.</p>}
      <figcaption class="kpi-reading small" data-reading>{reading}</figcaption>
    </figure>
  );
}

/** What is at a place of the chart, in words. */
export function readingOf({ kpi, series, step, anomalies }: Pick<ChartProps, "kpi" | "series" | "step" | "anomalies">, index: number | null): string {
  const [times, values, expected, lower, upper] = series.data;
  const at = index ?? values.findLastIndex((value) => value !== null);
  if (at < 0 || at >= times.length) return "";
  const value = values[at];
  const when = step === "day" || value === null ? utcDay(times[at] * 1000) : moment(times[at] * 1000);
  if (value === null || value === undefined) {
    const bounds = { expected: expected[at] ?? 0, lower: lower[at] ?? 0, upper: upper[at] ?? 0 };
    return `${when}: ${withUnit(bounds.expected, kpi.unit)} is forecast, ${shortly(bounds.lower)} to ${withUnit(bounds.upper, kpi.unit)}`;
  }
  const odd = anomalies.find(({ day: of }) => of === new Date(times[at] * 1000).toISOString().slice(0, 10));
  return `${when}: ${withUnit(value, kpi.unit)}${odd ? `, unusual: ${expectedInWords(odd, kpi.unit)}` : ""}`;
}
