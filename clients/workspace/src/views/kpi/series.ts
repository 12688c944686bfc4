// What the chart draws, as uPlot wants it: one row of times, and a row of figures for each line.

import type { AnomalyData, Interval, PredictionData } from "@bos/client";
import { DAY_MS, type Span } from "./period.ts";
import type { Point } from "./points.ts";

type Cells = (number | null | undefined)[];

export interface Series {
  /** Times in seconds, the values, and the forecast's expected, lowest and highest. */
  data: [number[], Cells, Cells, Cells, Cells];
  /** The forecast's points that are shown. */
  forecast: readonly Interval[];
}

export type Forecast = Pick<PredictionData, "points" | "horizon" | "method">;

/** At most half of what is shown is a forecast: what has been comes first. */
const MOST_AHEAD = 1;

/** Values and forecast on one row of times; the forecast begins where the values end. */
export function seriesOf(points: readonly Point[], forecast: Forecast | null, span: Span, now: number): Series {
  const ahead = shownOf(forecast, points, span, now);
  const last = points.at(-1);
  const times = points.map(({ at }) => at / 1000);
  const values: Cells = points.map(({ value }) => value);
  const none = () => new Array<number | null>(points.length).fill(null);
  const [expected, lower, upper] = [none(), none(), none()];
  if (ahead.length > 0 && last) expected[points.length - 1] = lower[points.length - 1] = upper[points.length - 1] = last.value;
  for (const one of ahead) {
    times.push(Date.parse(one.date) / 1000);
    values.push(null);
    expected.push(one.expected);
    lower.push(one.lower);
    upper.push(one.upper);
  }
  return { data: [times, values, expected, lower, upper], forecast: ahead };
}

function shownOf(forecast: Forecast | null, points: readonly Point[], { from, to }: Span, now: number): Interval[] {
  const last = points.at(-1)?.at ?? -Infinity;
  const begin = from ?? points[0]?.at ?? now;
  const until = to ?? now + (now - begin) * MOST_AHEAD;
  return (forecast?.points ?? []).filter(({ date }) => Date.parse(date) > last && Date.parse(date) <= until);
}

/** Where the chart begins and ends, in milliseconds. */
export function extentOf({ data: [times] }: Series, { from, to }: Span, now: number): { from: number; to: number } {
  const first = from ?? (times.length > 0 ? times[0] * 1000 : now - DAY_MS);
  const last = to ?? Math.max(now, (times.at(-1) ?? 0) * 1000);
  return { from: Math.min(first, last - 60_000), to: last };
}

/** The lowest and the highest of all that is drawn, with some room around. */
export function rangeOf(figures: Iterable<number | null | undefined>): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const figure of figures) {
    if (figure === null || figure === undefined) continue;
    least = Math.min(least, figure);
    most = Math.max(most, figure);
  }
  if (least > most) return [0, 1];
  const room = (most - least) * 0.08 || Math.abs(most) * 0.1 || 1;
  // A number that is never below 0 is not drawn as if it could be.
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

/** Those of them whose day is in the chart. */
export function anomaliesWithin(anomalies: readonly AnomalyData[], { from, to }: { from: number; to: number }): AnomalyData[] {
  return anomalies.filter(({ day }) => Date.parse(day) >= from && Date.parse(day) <= to);
}

export interface Flag<Note> {
  /** In pixels from the chart's left edge. */
  left: number;
  /** The newest first. */
  notes: Note[];
}

/** Notes as flags; those that would lie over one another are one. */
export function flagsOf<Note extends { createdAt: string }>(notes: readonly Note[], place: (at: number) => number, width: number): Flag<Note>[] {
  const flags: Flag<Note>[] = [];
  for (const note of notes.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))) {
    const left = place(Date.parse(note.createdAt));
    if (left < 0 || left > width) continue;
    const last = flags.at(-1);
    if (last && left - last.left < FLAG_WIDTH) last.notes.unshift(note);
    else flags.push({ left, notes: [note] });
  }
  return flags;
}

const FLAG_WIDTH = 26;
