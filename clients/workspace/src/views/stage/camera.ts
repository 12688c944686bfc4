// Where the user looks from: moved by mouse, touch and keys within bounds, and without steps where motion is welcome.

import { type Lens, overhead, perspective } from "./lens.ts";
import { TARGET } from "./standing.ts";

/** x and z: the point of the floor that is looked at. turn, tilt: around it and above it, in radians. */
export interface Camera {
  x: number;
  z: number;
  distance: number;
  turn: number;
  tilt: number;
}

/** What there is to be seen. */
interface Extent {
  width: number;
  depth: number;
  z: number;
}

const NEAREST = 3;
const FURTHEST = 3; // times what shows all of it
const LOWEST = 0.12;
const HIGHEST = Math.PI / 2 - 0.02;
const TILT = 0.82;
const BORDER = 0.05; // of the screen, around all of it
const BELOW = 0.09; // of it, for the names on the front edges
const GLIDE_MS = 110;
const TRIES = 24;

/** The camera that shows all of it on such a screen, from so near as that can be. */
export function overview(extent: Extent, width: number, height: number, flat = false): Camera {
  const camera = { x: 0, z: extent.z, distance: 0, turn: 0, tilt: TILT };
  let [near, far] = [NEAREST, 4 * (extent.width + extent.depth) * Math.max(1, height / width) + 20];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    camera.distance = (near + far) / 2;
    const lens = (flat ? overhead : perspective)(camera, width, height);
    if (isWhole(extent, lens)) far = camera.distance;
    else near = camera.distance;
  }
  return { ...camera, distance: far };
}

function isWhole({ width, depth, z }: Extent, lens: Lens): boolean {
  const [least, most] = [BORDER, 1 - BORDER];
  return [-1, 1].every((right) =>
    [-1, 1].every((front) => {
      const seen = lens.see((right * width) / 2, front < 0 ? TARGET : 0, z + (front * depth) / 2);
      if (!seen) return false;
      const [across, down] = [seen.x / lens.width, seen.y / lens.height];
      return across > least && across < most && down > least && down < 1 - BELOW;
    })
  );
}

/** Moves a camera, and has what is shown glide after it. */
export class Tripod {
  /** Where it is going to be. */
  goal: Camera;
  /** Where it is. */
  shown: Camera;
  #extent: Extent = { width: 0, depth: 0, z: 0 };
  #whole: Camera;
  #isAtHome = true;

  constructor(whole: Camera) {
    this.#whole = whole;
    this.goal = { ...whole };
    this.shown = { ...whole };
  }

  /** There is something else to be seen, or the screen is of another shape: at home all of it stays in view. */
  fit(extent: Extent, whole: Camera): void {
    this.#extent = extent;
    this.#whole = whole;
    if (!this.#isAtHome) return;
    this.goal = { ...whole };
    this.shown = { ...whole };
  }

  home(): void {
    this.goal = { ...this.#whole, turn: nearestTurn(this.#whole.turn, this.goal.turn) };
    this.#isAtHome = true;
  }

  /** Go along the floor: to the right and away, by so many shares of what is seen. */
  pan(right: number, away: number): void {
    const { turn, distance } = this.goal;
    const [dx, dz] = [right * distance, -away * distance];
    this.lookAt(this.goal.x + dx * Math.cos(turn) + dz * Math.sin(turn), this.goal.z - dx * Math.sin(turn) + dz * Math.cos(turn));
  }

  lookAt(x: number, z: number): void {
    const { width, depth, z: middle } = this.#extent;
    this.goal.x = between(-width / 2, x, width / 2);
    this.goal.z = between(middle - depth / 2, z, middle + depth / 2);
    this.#isAtHome = false;
  }

  orbit(turn: number, tilt: number): void {
    this.goal.turn += turn;
    this.goal.tilt = between(LOWEST, this.goal.tilt + tilt, HIGHEST);
    this.#isAtHome = false;
  }

  /** Go nearer by this factor. */
  zoom(factor: number): void {
    this.goal.distance = between(NEAREST, this.goal.distance / factor, this.#whole.distance * FURTHEST);
    this.#isAtHome = false;
  }

  /** Let the shown one follow for this long; whether it is still on its way. */
  glide(elapsedMs: number, withoutMotion: boolean): boolean {
    const share = withoutMotion ? 1 : 1 - Math.exp(-elapsedMs / GLIDE_MS);
    let isMoving = false;
    for (const field of ["x", "z", "distance", "turn", "tilt"] as const) {
      const rest = this.goal[field] - this.shown[field];
      const isClose = Math.abs(rest) < 1e-3 * (field === "distance" ? this.goal.distance : 1);
      this.shown[field] = isClose ? this.goal[field] : this.shown[field] + rest * share;
      if (!isClose) isMoving = true;
    }
    return isMoving;
  }
}

/** The same direction, with the fewest turns from here. */
function nearestTurn(turn: number, from: number): number {
  return turn + Math.round((from - turn) / (2 * Math.PI)) * 2 * Math.PI;
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
