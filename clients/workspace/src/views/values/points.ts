// Values over time, few enough for a small picture.

export type Point = readonly [at: string, value: number];
export type Points = readonly Point[];

const DAY_MS = 86_400_000;
const KEPT_MS = 90 * DAY_MS;
const EVERY_VALUE_MS = 3 * DAY_MS; // a KPI younger than this shows each of its values
const MOST = 400; // several times what the picture is wide

/** Add a value to these, which are oldest first: of each day the last one stays, of 90 days. */
export function gather(points: Point[], at: string, value: number): void {
  const last = points.at(-1);
  const first = points[0];
  const time = Date.parse(at);
  if (last && first) {
    if (time < Date.parse(last[0])) return; // reported later: it is not what the KPI is now
    const isOfLastDay = at.slice(0, 10) === last[0].slice(0, 10) && time - Date.parse(first[0]) > EVERY_VALUE_MS;
    if (at === last[0] || isOfLastDay) points.pop();
  }
  points.push([at, value]);
  while (points.length > MOST || Date.parse(points[0]?.[0] ?? at) < time - KEPT_MS) points.shift();
}

/** The lowest and the highest of them, null where there are none. */
export function extentOf(points: Points): [number, number] | null {
  if (!points.length) return null;
  const values = points.map(([, value]) => value);
  return [Math.min(...values), Math.max(...values)];
}
