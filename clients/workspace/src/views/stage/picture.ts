// What draws the space: in three dimensions (room/) or from above (plan.ts), with the same content.

import type { Camera } from "./camera.ts";
import type { Lens } from "./lens.ts";
import type { Motion } from "./motion.ts";
import { mix, type Palette, type Rgb } from "./palette.ts";
import type { Model, Severity, Thing } from "./scene.ts";
import type { Standing } from "./standing.ts";

/** Around an object: what is looked at, by whom, or what has just changed. */
export interface Ring {
  x: number;
  z: number;
  floor: number;
  radius: number;
  colour: Rgb;
}

export interface Moment {
  model: Model;
  motion: Motion;
  palette: Palette;
  rings: readonly Ring[];
  camera: Camera;
  lens: Lens;
  now: number;
}

export interface Picture {
  /** Whether it is seen from an eye that turns and tilts. */
  isFlat: boolean;
  draw(moment: Moment): void;
  resize(width: number, height: number): void;
  dispose(): void;
}

const MOST_LEVELS = 4;

export function colourOfStanding(standing: Standing, palette: Palette): Rgb {
  const colours: Record<Standing, Rgb> = { on: palette.good, off: palette.bad, none: mix(palette.soft, palette.accent, 0.35) };
  // Quieter than text in these colours is: there are a thousand of them.
  return mix(colours[standing], palette.raised, palette.isDark ? 0.12 : 0.22);
}

export function colourOfSeverity(severity: Severity, palette: Palette): Rgb {
  return { critical: palette.bad, warning: palette.warning, info: palette.accent }[severity];
}

/** The floor of a place; what is below another stands out from it. */
export function colourOfFloor(level: number, palette: Palette): Rgb {
  const share = Math.min(level, MOST_LEVELS) / MOST_LEVELS;
  return palette.isDark ? mix(palette.panel, palette["line-strong"], 0.12 + share * 0.3) : mix(palette.panel, palette.line, share * 0.9);
}

export function ringAround({ x, z, floor, radius }: Thing, colour: Rgb, wider = 1): Ring {
  return { x, z, floor, radius: radius * 1.35 * wider, colour };
}
