// Which part of a KPI's past the chart shows, and in which steps the server is asked for it.

export type Period = "7d" | "30d" | "90d" | "1y" | "all";
export type Step = "raw" | "hour" | "day";
export type Figure = "last" | "mean" | "min" | "max";

export const PERIODS: readonly { value: Period; label: string; days: number | null }[] = [
  { value: "7d", label: "7 d", days: 7 },
  { value: "30d", label: "30 d", days: 30 },
  { value: "90d", label: "90 d", days: 90 },
  { value: "1y", label: "1 y", days: 365 },
  { value: "all", label: "All", days: null },
];
export const USUAL_PERIOD: Period = "90d";
export const FIGURES: readonly { value: Figure; label: string }[] = [
  { value: "last", label: "Last value" },
  { value: "mean", label: "Mean value" },
  { value: "min", label: "Lowest value" },
  { value: "max", label: "Highest value" },
];
export const DAY_MS = 86_400_000;
const MOST_DAYS_OF_EACH = 2;
const MOST_DAYS_IN_HOURS = 31;

/** In milliseconds; from: null for the beginning of all, to: null for now and what comes. */
export interface Span {
  from: number | null;
  to: number | null;
}

/** The span of the address: what was zoomed into, else the period up to now. */
export function spanOf(period: Period, zoom: Span | null, now: number): Span {
  if (zoom) return zoom;
  const { days } = PERIODS.find(({ value }) => value === period) ?? PERIODS[2];
  return { from: days === null ? null : now - days * DAY_MS, to: null };
}

/** The steps that show a span without too many points. */
export function stepOf({ from, to }: Span, now: number): Step {
  if (from === null) return "day";
  const days = ((to ?? now) - from) / DAY_MS;
  if (days <= MOST_DAYS_OF_EACH) return "raw";
  return days <= MOST_DAYS_IN_HOURS ? "hour" : "day";
}

/** `2026-01-20T10:30:00Z..2026-01-21T00:00:00Z` in an address; null where it is no span. */
export function readZoom(text: string): Span | null {
  const [from, to] = text.split("..").map(Date.parse);
  return from < to ? { from, to } : null;
}

export function writeZoom(from: number, to: number): string {
  const text = (at: number) => `${new Date(Math.round(at / 1000) * 1000).toISOString().slice(0, 19)}Z`;
  return `${text(from)}..${text(to)}`;
}

/** A span as much as `factor` of it, around a moment that keeps its place in it. */
export function zoomed({ from, to }: { from: number; to: number }, around: number, factor: number): { from: number; to: number } {
  return { from: around - (around - from) * factor, to: around + (to - around) * factor };
}
