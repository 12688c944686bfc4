// What an object looks like: its height says value against target, its shape whether that is good.

import type { KpiData } from "@bos/client";
import { isOnTarget } from "../../app/words.ts";

/** Each has a shape and a colour of its own. */
export type Standing = "on" | "off" | "none";

/** The least and the greatest that a KPI is expected to be. */
export type Range = readonly [least: number, greatest: number];

/** How high the target is, in metres: a ring there. */
export const TARGET = 1.5;
export const TALLEST = 3.3;
const LOWEST = 0.12;
const PLAIN = 0.8; // where there is nothing to compare with

export function standingOf(kpi: KpiData): Standing {
  const isOn = isOnTarget(kpi);
  if (isOn === null) return "none";
  return isOn ? "on" : "off";
}

/** Height by value and target; where there is no target, by the range in which the value is expected. */
export function heightOf({ value, target }: KpiData, range?: Range): number {
  if (value === null) return LOWEST;
  if (target !== null) return between(LOWEST, TARGET * (1 + distance(value, target)), TALLEST);
  if (!range || range[0] >= range[1]) return PLAIN;
  return between(LOWEST, TARGET * (0.5 + (value - range[0]) / (range[1] - range[0])), TALLEST);
}

/** How far the value is from its target, as a share of that; from a target of 0 at most one way or the other. */
function distance(value: number, target: number): number {
  return target === 0 ? value / (1 + Math.abs(value)) : (value - target) / Math.abs(target);
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
