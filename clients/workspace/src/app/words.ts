// What a person reads: numbers, times, and what went wrong.

import { BosError, RequestRefused } from "@bos/client";

const exact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const shares = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const ages = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const AGES: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const LONGEST_EXACT = 99_999;

export const alphabet = new Intl.Collator(undefined, { numeric: true });

/** A number in the reader's own way of writing, to the four decimals that a KPI has. */
export function exactly(value: number): string {
  return exact.format(value);
}

/** The same, shortened where it is long: 1.235M. */
export function shortly(value: number): string {
  return Math.abs(value) > LONGEST_EXACT ? short.format(value) : exact.format(value);
}

/** A share, as 0.07, in percent. */
export function percent(share: number): string {
  return shares.format(share);
}

export function moment(at: string | number): string {
  return moments.format(new Date(at));
}

export function day(at: string | number): string {
  return days.format(new Date(at));
}

/** How long ago, or how far ahead, in words: "2 hr. ago". */
export function ago(at: string | number, now: number): string {
  const seconds = (now - new Date(at).getTime()) / 1000;
  const unit = AGES.find(([, length]) => Math.abs(seconds) >= length);
  return unit ? ages.format(-Math.round(seconds / unit[1]), unit[0]) : "just now";
}

/** Whether a value is where its target wants it; null where there is nothing to judge. */
export function isOnTarget(kpi: { value: number | null; target: number | null; direction: "higher" | "lower" }): boolean | null {
  if (kpi.value === null || kpi.target === null) return null;
  return kpi.direction === "lower" ? kpi.value <= kpi.target : kpi.value >= kpi.target;
}

/** What a refusal by the REST API says of each field, in words; empty where it is about none. */
export function problemsOf(error: unknown): Record<string, string> {
  if (!(error instanceof BosError) || error.code !== "INVALID_REQUEST") return {};
  const told = Object.entries(error.details as Record<string, unknown>);
  return Object.fromEntries(told.map(([field, says]) => [field, [says].flat(2).join(" ")]));
}

/** What a refusal or a failure means to a person. A browser's own TypeError says nothing to anybody. */
export function inWords(error: unknown): string {
  if (error instanceof RequestRefused) {
    const { field, reason } = error.details;
    // Of what they typed counts what is wrong with it, not how it was sent.
    if (reason && field?.startsWith("payload.")) return `${reason}.`;
    if (error.code === "NOT_FOUND" && reason) return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
    if (error.code === "UNAUTHORIZED") return "You may not do this, or it is not there any more.";
  }
  if (error instanceof BosError) return error.message;
  return error instanceof Error && !(error instanceof TypeError) ? error.message : "The server does not answer.";
}
