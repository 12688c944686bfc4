// The picture by keys alone.

import type { Tripod } from "./camera.ts";

const STEP = 0.06; // of what is seen
const ANGLE = 0.12; // radians
const NEARER = 1.2;

const MOVES: Record<string, (tripod: Tripod, turns: boolean) => void> = {
  ArrowLeft: (tripod, turns) => turns ? tripod.orbit(-ANGLE, 0) : tripod.pan(-STEP, 0),
  ArrowRight: (tripod, turns) => turns ? tripod.orbit(ANGLE, 0) : tripod.pan(STEP, 0),
  ArrowUp: (tripod, turns) => turns ? tripod.orbit(0, ANGLE) : tripod.pan(0, STEP),
  ArrowDown: (tripod, turns) => turns ? tripod.orbit(0, -ANGLE) : tripod.pan(0, -STEP),
  "+": (tripod) => tripod.zoom(NEARER),
  "=": (tripod) => tripod.zoom(NEARER),
  "-": (tripod) => tripod.zoom(1 / NEARER),
  Home: (tripod) => tripod.home(),
};

/** Move by this key; whether it is one that moves. */
export function moveBy({ key, shiftKey }: KeyboardEvent, tripod: Tripod): boolean {
  const act = MOVES[key];
  act?.(tripod, shiftKey);
  return act !== undefined;
}
