// Alert rules as the server keeps them, and what one says to a person.

import type { AlertData, KpiData } from "@bos/client";
import { exactly } from "../../app/words.ts";

export type Kind = "above" | "below" | "change" | "missing";
export type Severity = AlertData["severity"];

/** What can be chosen of a rule. */
export interface RuleFields {
  kind: Kind;
  threshold: number | null;
  hours: number | null;
  forMinutes: number;
  hysteresis: number;
  severity: Severity;
  notifyOwner: boolean;
  notify: string[];
  isActive: boolean;
}

export interface Rule extends RuleFields {
  id: string;
  kpiId: string;
  isBeyond: boolean;
  createdAt: string;
}

export interface Trial {
  text: string;
  count: number;
  days: { day: string; count: number }[];
  notes: string[];
}

export const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
export const SEVERITY_WORDS: Record<Severity, string> = { critical: "Critical", warning: "Warning", info: "Info" };
export const KIND_WORDS: Record<Kind, string> = {
  below: "It falls below a value",
  above: "It rises above a value",
  change: "It changes by so many percent",
  missing: "It has no new value for a time",
};

/** Which fields a kind has: the others are empty. */
export const HAS: Record<Kind, { threshold: boolean; hours: boolean; lasting: boolean }> = {
  below: { threshold: true, hours: false, lasting: true },
  above: { threshold: true, hours: false, lasting: true },
  change: { threshold: true, hours: true, lasting: true },
  missing: { threshold: false, hours: true, lasting: false },
};

export function count(number: number, one: string): string {
  return `${exactly(number)} ${one}${number === 1 ? "" : "s"}`;
}

/** When a rule alerts: "when it falls below 90 % for 10 minutes". */
export function condition({ kind, threshold, hours, forMinutes }: RuleFields, unit: string): string {
  const figure = threshold === null ? "?" : `${exactly(threshold)}${unit && ` ${unit}`}`;
  const lasting = forMinutes ? ` for ${minutes(forMinutes)}` : "";
  if (kind === "missing") return `when it has no new value for ${time(hours)}`;
  if (kind === "change") return `when it changes by ${exactly(threshold ?? 0)} % or more within ${time(hours)}${lasting}`;
  return `when it ${kind === "below" ? "falls below" : "rises above"} ${figure}${lasting}`;
}

function time(hours: number | null): string {
  const given = hours ?? 0;
  return given > 24 && given % 24 === 0 ? count(given / 24, "day") : count(given, "hour");
}

function minutes(given: number): string {
  return given >= 60 && given % 60 === 0 ? count(given / 60, "hour") : count(given, "minute");
}

/** Whom a rule tells: "the owner and 2 others". names: of those whom it names besides. */
export function told({ notifyOwner }: Pick<RuleFields, "notifyOwner">, owner: string | null, names: readonly string[]): string {
  const people = [...(notifyOwner && owner !== null ? [`the owner, ${owner}`] : []), ...names];
  if (people.length === 0) return "nobody";
  if (people.length > 3) return `${people.slice(0, 2).join(", ")} and ${count(people.length - 2, "other")}`;
  return people.length === 1 ? people[0] ?? "" : `${people.slice(0, -1).join(", ")} and ${people.at(-1)}`;
}

const UNITS: [string, number][] = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]];

/** How long it took, in the largest unit that is full: "3 hours". */
export function duration(from: string, to: string): string {
  const length = Date.parse(to) - Date.parse(from);
  const unit = UNITS.find(([, whole]) => length >= whole);
  return unit ? count(Math.floor(length / unit[1]), unit[0]) : "less than a minute";
}

// ------------------------------------------------------------------ the form

/** A rule as it is typed: numbers as text, so that nothing of them is lost. */
export interface Typed {
  kind: Kind;
  threshold: string;
  hours: string;
  forMinutes: string;
  hysteresis: string;
  severity: Severity;
  notifyOwner: boolean;
  notify: string[];
  isActive: boolean;
}

/** The form of a new rule: the KPI's target is what its owner wants it to reach. */
export function newRule({ target, direction }: Pick<KpiData, "target" | "direction">): Typed {
  return {
    kind: direction === "lower" ? "above" : "below",
    threshold: target === null ? "" : `${target}`,
    hours: "24",
    forMinutes: "0",
    hysteresis: "0",
    severity: "warning",
    notifyOwner: true,
    notify: [],
    isActive: true,
  };
}

/** The form of a rule that is there. */
export function typedOf({ kind, threshold, hours, forMinutes, hysteresis, severity, notifyOwner, notify, isActive }: Rule): Typed {
  const text = (number: number | null) => number === null ? "" : `${number}`;
  const numbers = { threshold: text(threshold), hours: text(hours) || "24", forMinutes: text(forMinutes), hysteresis: text(hysteresis) };
  return { kind, ...numbers, severity, notifyOwner, notify, isActive };
}

/** What is sent of it: what its kind does not have is empty, whatever was typed before. */
export function sentOf(typed: Typed): RuleFields {
  const { threshold, hours, lasting } = HAS[typed.kind];
  return {
    kind: typed.kind,
    threshold: threshold ? numberOf(typed.threshold) : null,
    hours: hours ? numberOf(typed.hours) : null,
    forMinutes: lasting ? numberOf(typed.forMinutes) ?? 0 : 0,
    hysteresis: lasting ? numberOf(typed.hysteresis) ?? 0 : 0,
    severity: typed.severity,
    notifyOwner: typed.notifyOwner,
    notify: typed.notify,
    isActive: typed.isActive,
  };
}

/** The number that was typed, with a comma or a point; null where there is none, which the server says. */
function numberOf(text: string): number | null {
  const plain = text.trim().replace(",", ".");
  return plain === "" || !Number.isFinite(Number(plain)) ? null : Number(plain);
}

// ------------------------------------------------------------------ snoozing

const HOUR_MS = 3_600_000;
const MORNING = 8;

/** The times until which an alert can be snoozed at a press. */
export function snoozes(now: number): { label: string; until: Date }[] {
  const morning = new Date(now);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(MORNING, 0, 0, 0);
  return [
    { label: "For 1 hour", until: new Date(now + HOUR_MS) },
    { label: "For 4 hours", until: new Date(now + 4 * HOUR_MS) },
    { label: "Until tomorrow, 8:00", until: morning },
  ];
}
