// A drawing as it is kept in a note: strokes as JSON. Pure.

export interface Stroke {
  /** A number of COLOURS. */
  colour: number;
  /** x and y in turn. */
  points: readonly number[];
}

export interface Drawing {
  width: number;
  height: number;
  strokes: readonly Stroke[];
  /** What it shows, for those who do not see it. */
  says: string;
}

export const WIDTH = 480;
export const HEIGHT = 300;
/** Tokens of styles/tokens.css, and what they are called. */
export const COLOURS = [
  { token: "--ink", name: "Ink" },
  { token: "--person-0", name: "Blue" },
  { token: "--person-6", name: "Red" },
  { token: "--person-2", name: "Green" },
] as const;
const MOST_STROKES = 500;
const LARGEST = 10_000;
const TOLERANCE = 0.8;

export const blank: Drawing = { width: WIDTH, height: HEIGHT, strokes: [], says: "" };

export function writeDrawing({ width, height, strokes, says }: Drawing): string {
  return JSON.stringify({ width, height, strokes, says: says.trim() });
}

/** null for what is no drawing. */
export function parseDrawing(text: string): Drawing | null {
  let found: Partial<Record<keyof Drawing, unknown>> | null;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof found !== "object" || found === null || !Array.isArray(found.strokes)) return null;
  const { width, height, says } = found;
  if (!isLength(width) || !isLength(height)) return null;
  const strokes = found.strokes.slice(0, MOST_STROKES).map(strokeOf);
  if (strokes.some((stroke) => stroke === null)) return null;
  return { width, height, strokes: strokes as Stroke[], says: typeof says === "string" ? says : "" };
}

const isLength = (value: unknown): value is number => typeof value === "number" && value >= 1 && value <= LARGEST;
const isPlace = (value: unknown): value is number => typeof value === "number" && Math.abs(value) <= LARGEST;

function strokeOf(stroke: unknown): Stroke | null {
  if (typeof stroke !== "object" || stroke === null || !("points" in stroke) || !Array.isArray(stroke.points)) return null;
  if (stroke.points.length < 2 || stroke.points.length % 2 || !stroke.points.every(isPlace)) return null;
  const colour = "colour" in stroke ? stroke.colour : 0;
  return { colour: typeof colour === "number" && COLOURS[colour] ? colour : 0, points: stroke.points };
}

/** A stroke as the `d` of an SVG path; a single point is a dot. */
export function pathOf({ points }: Stroke): string {
  const [x = 0, y = 0, ...rest] = points;
  if (rest.length === 0) return `M${x} ${y}h.1`;
  const lines = [];
  for (let n = 0; n < rest.length; n += 2) lines.push(`L${rest[n]} ${rest[n + 1]}`);
  return `M${x} ${y}${lines.join("")}`;
}

/** The stroke with whole numbers and without those points that a straight line shows as well. */
export function simplified(points: readonly number[]): number[] {
  const all: [number, number][] = [];
  for (let n = 0; n + 1 < points.length; n += 2) all.push([Math.round(points[n] ?? 0), Math.round(points[n + 1] ?? 0)]);
  const kept = new Set([0, all.length - 1]);
  const parts: [number, number][] = [[0, all.length - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    let farthest = 0;
    let most = TOLERANCE;
    for (let n = from + 1; n < to; n += 1) {
      const far = distance(all[n] as [number, number], all[from] as [number, number], all[to] as [number, number]);
      if (far > most) [farthest, most] = [n, far];
    }
    if (farthest === 0) continue;
    kept.add(farthest);
    parts.push([from, farthest], [farthest, to]);
  }
  return all.filter((_, n) => kept.has(n)).flat();
}

/** Of a point from the line between two others. */
function distance([x, y]: [number, number], [ax, ay]: [number, number], [bx, by]: [number, number]): number {
  const length = Math.hypot(bx - ax, by - ay);
  if (length === 0) return Math.hypot(x - ax, y - ay);
  const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length ** 2));
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}
