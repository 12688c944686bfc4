// How uPlot draws a KPI: in the colours of the page, with target, forecast and what was unusual.

import type UPlot from "uplot";
import type { ChartProps } from "./Chart.tsx";
import { shortly } from "../../app/words.ts";
import { anomaliesWithin, rangeOf } from "./series.ts";

const NAMES = ["--accent", "--soft", "--line", "--good", "--warning", "--panel", "--wash", "--ink"] as const;
type Colours = Record<(typeof NAMES)[number], string>;
type Shown = Pick<ChartProps, "kpi" | "series" | "step" | "extent" | "anomalies" | "onZoom" | "onWhole">;

const NARROW = 520;

/** The page's colours as they are in this scheme: a canvas knows no variables. */
export function coloursOf(host: HTMLElement): Colours {
  const probe = document.createElement("span");
  host.append(probe);
  const found = NAMES.map((name) => {
    probe.style.color = `var(${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

interface Events {
  onIndex: (index: number | null) => void;
  onDrawn: () => void;
}

export function optionsOf(host: HTMLElement, colours: Colours, shown: () => Shown, { onIndex, onDrawn }: Events): UPlot.Options {
  const width = Math.max(200, host.clientWidth);
  const font = `12px ${getComputedStyle(host).fontFamily}`;
  const axis = { stroke: colours["--soft"], font, grid: { stroke: colours["--line"], width: 1 }, ticks: { stroke: colours["--line"], width: 1 } };
  const line = { width: 2, spanGaps: false };
  const isShort = () => shown().series.data[0].length <= 60;
  return {
    width,
    height: width < NARROW ? 220 : 300,
    // Days are the server's, which are of UTC; moments the reader's.
    tzDate: (at) => shown().step === "day" ? utcDate(at) : new Date(at * 1000),
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false, dist: 8 }, y: false, points: { size: 8 }, focus: { prox: -1 }, bind: { dblclick: () => () => (shown().onWhole(), null) } },
    scales: {
      x: { range: () => [shown().extent.from / 1000, shown().extent.to / 1000] },
      y: { range: () => rangeOf(figuresOf(shown())) },
    },
    axes: [
      { ...axis, space: 70, grid: { show: false }, values: (_, marks, _axis, _space, step) => marksInWords(marks, step, shown().step === "day") },
      { ...axis, size: (_, labels) => 16 + 7 * Math.max(3, ...(labels ?? []).map((label) => label.length)), values: (_, marks) => marks.map(shortly) },
    ],
    series: [
      {},
      { ...line, stroke: colours["--accent"], points: { show: isShort, size: 5, fill: colours["--accent"] } },
      { ...line, stroke: colours["--accent"], dash: [4, 4], points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
    ],
    bands: [{ series: [4, 3], fill: colours["--wash"] }],
    hooks: {
      draw: [(plot) => drawTarget(plot, colours, shown()), (plot) => drawAnomalies(plot, colours, shown()), onDrawn],
      setCursor: [(plot) => onIndex(plot.cursor.idx ?? null)],
      setSelect: [(plot) => {
        const { left, width: wide } = plot.select;
        if (wide < 8) return;
        const [from, to] = [left, left + wide].map((at) => plot.posToVal(at, "x") * 1000);
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        shown().onZoom(from, to);
      }],
    },
  };
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** The marks of the time below the chart, as the reader writes days and hours; the year below the first and where it changes. */
function marksInWords(marks: number[], step: number, inUtc: boolean): string[] {
  const timeZone = inUtc ? "UTC" : undefined;
  const parts: Intl.DateTimeFormatOptions = step >= 28 * DAY ? { month: "short" } : step >= DAY ? { month: "short", day: "numeric" } : { hour: "numeric", minute: "2-digit" };
  const words = new Intl.DateTimeFormat(undefined, { ...parts, timeZone });
  const below = new Intl.DateTimeFormat(undefined, step >= DAY ? { year: "numeric", timeZone } : { month: "short", day: "numeric", timeZone });
  let last = "";
  return marks.map((mark) => {
    const [word, under] = [words.format(mark * 1000), below.format(mark * 1000)];
    const isNew = under !== last;
    last = under;
    return isNew ? `${word}\n${under}` : word;
  });
}

/** A date whose local parts are those of UTC, as uPlot reads them. */
function utcDate(at: number): Date {
  const date = new Date(at * 1000);
  return new Date(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes());
}

function* figuresOf({ kpi, series: { data: [, ...rows] }, anomalies, extent }: Shown): Generator<number | null | undefined> {
  for (const row of rows) yield* row;
  yield kpi.target;
  for (const { value, lower, upper } of anomaliesWithin(anomalies, extent)) yield* [value, lower, upper];
}

function drawTarget({ ctx, bbox, valToPos }: UPlot, colours: Colours, { kpi }: Shown): void {
  if (kpi.target === null) return;
  const y = Math.round(valToPos(kpi.target, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = colours["--good"];
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  const words = `target ${shortly(kpi.target)}`;
  const [wide, high] = [ctx.measureText(words).width + 8 * devicePixelRatio, 16 * devicePixelRatio];
  const top = y - bbox.top < high + 2 * devicePixelRatio ? y + 2 * devicePixelRatio : y - high - 2 * devicePixelRatio;
  ctx.globalAlpha = 0.85;
  ctx.fillStyle = colours["--panel"];
  ctx.fillRect(bbox.left, top, wide, high);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colours["--good"];
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(words, bbox.left + 4 * devicePixelRatio, top + high / 2);
  ctx.restore();
}

/** The unusual value as a ring, and beside it what was expected as a bar. */
function drawAnomalies({ ctx, valToPos }: UPlot, colours: Colours, { anomalies, extent }: Shown): void {
  ctx.save();
  ctx.strokeStyle = colours["--warning"];
  ctx.fillStyle = colours["--panel"];
  for (const { day, value, lower, upper } of anomaliesWithin(anomalies, extent)) {
    const x = valToPos(Date.parse(day) / 1000, "x", true);
    const [y, top, bottom] = [value, upper, lower].map((figure) => valToPos(figure, "y", true));
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.globalAlpha = 0.45;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    ctx.arc(x, y, 5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}
