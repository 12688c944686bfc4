// A KPI and what happened to it, in sentences.

import type { AnomalyData, Interval, KpiData, Timeline } from "@bos/client";
import { exactly, percent } from "../../app/words.ts";

export type Item = Timeline["items"][number];

const SOURCES: Record<string, string> = {
  websocket: "over a live connection",
  admin: "in the administration",
  rest: "by REST",
  import: "by an import",
  command: "by a command",
  connector: "by a connector",
  shell: "in a shell",
};

const dayOfUtc = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

/** A day as the server counts them: in UTC, wherever the reader is. */
export function utcDay(day: string | number): string {
  return dayOfUtc.format(new Date(day));
}

/** The way by which a change came, to end a sentence with; "" where it is not known. */
export function sourceInWords(source: string): string {
  return SOURCES[source] ?? (source && source !== "system" ? `by ${source}` : "");
}

export function withUnit(value: number, unit: string): string {
  return unit ? `${exactly(value)} ${unit}` : exactly(value);
}

/** How a value stands to its target: "12 EUR (10 %) below its target". */
export function distance({ value, target, unit }: Pick<KpiData, "value" | "target" | "unit">): string {
  if (value === null || target === null) return "";
  const off = value - target;
  if (off === 0) return "exactly at its target";
  // "14 % (17.9%)" would be read twice.
  const share = target === 0 || unit === "%" ? "" : ` (${percent(Math.abs(off / target))})`;
  return `${withUnit(Number(Math.abs(off).toPrecision(12)), unit)}${share} ${off < 0 ? "below" : "above"} its target`;
}

/** What was expected instead: "expected 93 to 97". */
export function expectedInWords({ lower, upper }: Pick<AnomalyData | Interval, "lower" | "upper">, unit = ""): string {
  return `expected ${exactly(lower)} to ${withUnit(upper, unit)}`;
}

/** What an item of the line of time tells, without who and when. */
export function happened(item: Item, unit: string): string {
  switch (item.kind) {
    case "value":
      return item.before === null ? `Set to ${withUnit(item.value, unit)}` : `${exactly(item.before)} → ${withUnit(item.value, unit)}`;
    case "target":
      if (item.target === null) return `${withUnit(item.before ?? 0, unit)} taken away`;
      return item.before === null ? `Set to ${withUnit(item.target, unit)}` : `${exactly(item.before)} → ${withUnit(item.target, unit)}`;
    case "change":
      return item.fields.length > 0 ? item.fields.map(changed).join("; ") : CHANGES[item.change];
    case "imported":
      return `${exactly(item.values)} ${item.values === 1 ? "value" : "values"} imported, of ${spanInWords(item.from, item.to)}`;
    case "alert":
      return item.change === "raised" ? item.message : `${item.change === "resolved" ? "Resolved" : "Acknowledged"}: ${item.message}`;
    case "anomaly":
      return `${withUnit(item.value, unit)} on ${utcDay(item.day)} was unusual: ${expectedInWords(item, unit)}`;
    case "forecast":
      return `Of ${item.horizon} days: ${withUnit(item.expected, unit)} on ${utcDay(item.day)}, ${exactly(item.lower)} to ${withUnit(item.upper, unit)}`;
    case "advice":
      return item.message;
    case "note":
      return item.change === "resolved" ? `Resolved: ${noteInWords(item)}` : noteInWords(item);
  }
}

const CHANGES = { created: "Added", updated: "Changed", archived: "Archived", restored: "Restored" };
const NOTE_KINDS: Record<string, string> = { image: "An image", audio: "A recording", drawing: "A drawing" };

const noteInWords = ({ contentType, text }: Extract<Item, { kind: "note" }>) => NOTE_KINDS[contentType] ?? text;

function changed({ name, before, after }: { name: string; before: string | null; after: string | null }): string {
  const field = name.charAt(0).toUpperCase() + name.slice(1);
  if (before === null && after === null) return `${field} changed`;
  if (before === null) return `${field} set to “${after}”`;
  return after === null ? `${field} emptied, which was “${before}”` : `${field} “${before}” → “${after}”`;
}

function spanInWords(from: string, to: string): string {
  return utcDay(from) === utcDay(to) ? utcDay(from) : `${utcDay(from)} to ${utcDay(to)}`;
}

/** The person or machine that has done it, and by which way: "Mia Park, by REST"; "" for what happens by itself. */
export function doneBy(item: Item): string {
  const name = "actorName" in item ? item.actorName ?? "" : "";
  const way = "source" in item ? sourceInWords(item.source) : "";
  return [name, way].filter(Boolean).join(", ");
}
