// From the shared space to the screen and back: pure, and the same for 3-D and plan.

import type { Position } from "@bos/client";
import type { Camera } from "./camera.ts";

/** A point of the screen. scale: how many pixels a metre has there. */
export interface Seen {
  x: number;
  y: number;
  scale: number;
  /** How far away it is. */
  depth: number;
}

export interface Ray {
  from: Position;
  to: Position;
}

export interface Lens {
  width: number;
  height: number;
  /** null: behind the one who looks. */
  see(x: number, y: number, z: number): Seen | null;
  /** What is at this pixel is on this ray. */
  ray(x: number, y: number): Ray;
}

/** How wide 3-D is seen: an angle up and down, as a tangent of its half. */
export const TANGENT = Math.tan(((30 / 2) * Math.PI) / 180);
const NEAR = 0.1;
const ABOVE = 1_000;

/** Where a camera is. */
export function eyeOf({ x, z, distance, turn, tilt }: Camera): Position {
  const flat = distance * Math.cos(tilt);
  return { x: x + flat * Math.sin(turn), y: distance * Math.sin(tilt), z: z + flat * Math.cos(turn) };
}

export function perspective(camera: Camera, width: number, height: number): Lens {
  const { turn, tilt } = camera;
  const eye = eyeOf(camera);
  const ahead = { x: -Math.cos(tilt) * Math.sin(turn), y: -Math.sin(tilt), z: -Math.cos(tilt) * Math.cos(turn) };
  const right = { x: Math.cos(turn), y: 0, z: -Math.sin(turn) };
  const up = { x: -Math.sin(tilt) * Math.sin(turn), y: Math.cos(tilt), z: -Math.sin(tilt) * Math.cos(turn) };
  const pixels = height / 2 / TANGENT; // of a metre that is a metre away
  return {
    width,
    height,
    see(x, y, z) {
      const [dx, dy, dz] = [x - eye.x, y - eye.y, z - eye.z];
      const depth = dx * ahead.x + dy * ahead.y + dz * ahead.z;
      if (depth < NEAR) return null;
      const scale = pixels / depth;
      const aside = dx * right.x + dz * right.z;
      const above = dx * up.x + dy * up.y + dz * up.z;
      return { x: width / 2 + aside * scale, y: height / 2 - above * scale, scale, depth };
    },
    ray(x, y) {
      const [aside, above] = [(x - width / 2) / pixels, (height / 2 - y) / pixels];
      const along = (axis: "x" | "y" | "z") => ahead[axis] + right[axis] * aside + up[axis] * above;
      return { from: eye, to: { x: along("x"), y: along("y"), z: along("z") } };
    },
  };
}

/** From straight above, without perspective: away from the reader is up. */
export function overhead({ x: middle, z: centre, distance }: Camera, width: number, height: number): Lens {
  const scale = height / (2 * TANGENT * distance);
  return {
    width,
    height,
    see: (x, y, z) => ({ x: width / 2 + (x - middle) * scale, y: height / 2 + (z - centre) * scale, scale, depth: ABOVE - y }),
    ray: (x, y) => ({ from: { x: middle + (x - width / 2) / scale, y: ABOVE, z: centre + (y - height / 2) / scale }, to: { x: 0, y: -1, z: 0 } }),
  };
}

/** Where a ray comes down to this height; null where it never does, or further away than this. */
export function meetFloor({ from, to }: Ray, y: number, furthest: number): Position | null {
  if (to.y > -1e-6) return null;
  const length = (y - from.y) / to.y;
  const [x, z] = [from.x + to.x * length, from.z + to.z * length];
  return length > 0 && Math.abs(x) < furthest && Math.abs(z) < furthest ? { x, y, z } : null;
}

/** How far along a ray an upright box is; Infinity where it is not on it. */
export function meetBox({ from, to }: Ray, box: { x: number; z: number; floor: number; radius: number; height: number }): number {
  const sides: [from: number, to: number, least: number, most: number][] = [
    [from.x, to.x, box.x - box.radius, box.x + box.radius],
    [from.y, to.y, box.floor, box.floor + box.height],
    [from.z, to.z, box.z - box.radius, box.z + box.radius],
  ];
  let [enters, leaves] = [0, Infinity];
  for (const [start, step, least, most] of sides) {
    if (Math.abs(step) < 1e-9) {
      if (start < least || start > most) return Infinity;
      continue;
    }
    const [one, other] = [(least - start) / step, (most - start) / step];
    enters = Math.max(enters, Math.min(one, other));
    leaves = Math.min(leaves, Math.max(one, other));
  }
  return enters <= leaves ? enters : Infinity;
}
