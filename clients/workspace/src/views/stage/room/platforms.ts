// The places as platforms with round corners: all of them one mesh.

import { BufferAttribute, BufferGeometry, Color, SRGBColorSpace } from "three";
import type { Place } from "../layout.ts";
import { mix, type Palette, type Rgb } from "../palette.ts";
import { colourOfFloor } from "../picture.ts";

const CORNER = 0.35;
const STEPS = 6; // of a corner

class Shape {
  positions: number[] = [];
  normals: number[] = [];
  colours: number[] = [];
  #colour = new Color();

  vertex(position: readonly number[], normal: readonly number[], [red, green, blue]: Rgb): void {
    this.#colour.setRGB(red, green, blue, SRGBColorSpace);
    this.positions.push(...position);
    this.normals.push(...normal);
    this.colours.push(this.#colour.r, this.#colour.g, this.#colour.b);
  }
}

export function platforms(places: readonly Place[], palette: Palette): BufferGeometry {
  const shape = new Shape();
  for (const place of places) addPlatform(shape, place, palette);
  const geometry = new BufferGeometry();
  for (const [name, values] of [["position", shape.positions], ["normal", shape.normals], ["color", shape.colours]] as const)
    geometry.setAttribute(name, new BufferAttribute(Float32Array.from(values), 3));
  return geometry;
}

function addPlatform(shape: Shape, place: Place, palette: Palette): void {
  const top = colourOfFloor(place.level, palette);
  const side = mix(top, palette["line-strong"], palette.isDark ? 0.3 : 0.35);
  const rim = outlineOf(place);
  const foot = place.level === 0 ? 0 : place.floor - 0.22;
  for (const [index, [x, z, nx, nz]] of rim.entries()) {
    const [nextX, nextZ, nextNx, nextNz] = rim[(index + 1) % rim.length] as Corner;
    const up = [0, 1, 0];
    shape.vertex([place.x, place.floor, place.z], up, top);
    shape.vertex([nextX, place.floor, nextZ], up, top);
    shape.vertex([x, place.floor, z], up, top);
    const corners = [[x, z, nx, nz, foot], [x, z, nx, nz, place.floor], [nextX, nextZ, nextNx, nextNz, foot], [nextX, nextZ, nextNx, nextNz, place.floor]] as const;
    for (const at of [0, 1, 2, 2, 1, 3]) {
      const [cx, cz, cnx, cnz, y] = corners[at] as (typeof corners)[0];
      shape.vertex([cx, y, cz], [cnx, 0, cnz], side);
    }
  }
}

type Corner = [x: number, z: number, normalX: number, normalZ: number];

function outlineOf({ x, z, width, depth }: Place): Corner[] {
  const corners = [[1, 1, 0], [-1, 1, 1], [-1, -1, 2], [1, -1, 3]] as const;
  return corners.flatMap(([right, front, quarter]) =>
    Array.from({ length: STEPS + 1 }, (_, step): Corner => {
      const angle = ((quarter + step / STEPS) * Math.PI) / 2;
      const [nx, nz] = [Math.cos(angle), Math.sin(angle)];
      return [x + right * (width / 2 - CORNER) + nx * CORNER, z + front * (depth / 2 - CORNER) + nz * CORNER, nx, nz];
    })
  );
}
