// Which names are written into the picture: as many as can be read, the wider view's first.

import { shortly } from "../../app/words.ts";
import { PITCH } from "./layout.ts";
import type { Lens } from "./lens.ts";
import type { Model, Thing } from "./scene.ts";

export interface Label {
  key: string;
  kind: "place" | "thing";
  name: string;
  /** Under the name: of a KPI its value. */
  value: string;
  x: number;
  y: number;
  /** At most so wide, in pixels. */
  width: number;
}

const MOST = 90;
const LETTER = 6.6; // pixels
const PADDING = 12;
const LINE = 17;
const NARROWEST_PLACE = 36;
const NARROWEST_VALUE = 40;
const NARROWEST_NAME = 74;
const WIDEST_THING = 150;
const WIDEST_PLACE = 240;

/** atPixel: which KPI is seen there; where it is another one, a name does not cover it. */
export function labelsOf({ layout, things }: Model, lens: Lens, atPixel?: (x: number, y: number) => string | undefined): Label[] {
  const places = layout.places.flatMap((place): Label[] => {
    const seen = lens.see(place.x, place.floor, place.z + place.depth / 2);
    if (!seen || !isInView(seen, lens)) return [];
    if (place.width * seen.scale < NARROWEST_PLACE) return [];
    return [{ key: `place ${place.id}`, kind: "place", name: place.name, value: "", x: seen.x, y: seen.y, width: WIDEST_PLACE }];
  });
  const names = new Map(layout.places.map(({ id, name }) => [id, name]));
  const ofThings = things.flatMap((thing) => labelOf(thing, names.get(thing.placeId) ?? "", lens));
  ofThings.sort((one, other) => other.label.width - one.label.width || one.depth - other.depth);
  const kept = withoutOverlap([...places, ...ofThings.map(({ label }) => label)]);
  return kept.map((label) => {
    const covered = label.kind === "thing" && label.name && atPixel?.(label.x, label.y + 1.7 * LINE);
    return covered && covered !== label.key ? { ...label, name: "" } : label;
  });
}

function labelOf(thing: Thing, place: string, lens: Lens): { label: Label; depth: number }[] {
  const { x, z, floor, radius, kpi } = thing;
  const seen = lens.see(x, floor, z + radius * 1.3);
  if (!seen || !isInView(seen, lens)) return [];
  // As wide as its spot is: those of the strip are smaller.
  const width = Math.min(WIDEST_THING, PITCH * radius * 2 * seen.scale);
  if (width < NARROWEST_VALUE) return [];
  const number = kpi.value === null ? "–" : shortly(kpi.value);
  const whole = kpi.value === null || !kpi.unit ? number : `${number} ${kpi.unit}`;
  // Rather without its unit than cut off.
  const value = whole.length * LETTER + PADDING > width ? number : whole;
  const name = width < NARROWEST_NAME ? "" : within(place, kpi.name);
  return [{ label: { key: kpi.id, kind: "thing", name, value, x: seen.x, y: seen.y, width }, depth: seen.depth }];
}

/** What its place says already is not said again. */
function within(place: string, name: string): string {
  const rest = name.startsWith(`${place} `) ? name.slice(place.length).trim() : "";
  return rest ? `${rest[0]?.toUpperCase()}${rest.slice(1)}` : name;
}

function isInView({ x, y }: { x: number; y: number }, { width, height }: Lens): boolean {
  return x > 0 && y > 0 && x < width && y < height;
}

/** Those that do not cover one before them. */
export function withoutOverlap(labels: readonly Label[]): Label[] {
  const kept: { label: Label; left: number; right: number; bottom: number }[] = [];
  for (const label of labels) {
    const wide = Math.min(label.width, Math.max(label.name.length, label.value.length) * LETTER + PADDING);
    // Names of neighbours may meet.
    const [left, right] = [label.x - wide * 0.47, label.x + wide * 0.47];
    const lines = (label.name ? Math.min(2, Math.ceil((label.name.length * LETTER + PADDING) / label.width)) : 0) + (label.value ? 1 : 0);
    const bottom = label.y + lines * LINE;
    const isFree = kept.every((other) => right < other.left || left > other.right || bottom < other.label.y || label.y > other.bottom);
    if (isFree) kept.push({ label, left, right, bottom });
    if (kept.length === MOST) break;
  }
  return kept.map(({ label }) => label);
}
