// A line without words, for beside them.

const WIDTH = 120;
const HEIGHT = 32;
const MARGIN = 3;

interface SparkProps {
  /** Oldest first. */
  values: readonly (readonly [at: string, value: number])[];
  target: number | null;
}

/** A KPI's last weeks as a line, with its target; without words, for beside them. */
export function Spark({ values, target }: SparkProps) {
  const drawn = lineOf(values, target);
  if (!drawn) return <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />;
  const { line, first, last, aim } = drawn;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-area" d={`${line}L${last.x} ${HEIGHT}L${first.x} ${HEIGHT}Z`} />
      {aim !== null && <path class="spark-target" d={`M0 ${aim}H${WIDTH}`} />}
      <path class="spark-line" d={line} />
      <path class="spark-dot" d={`M${last.x} ${last.y}h0`} />
    </svg>
  );
}

interface Point {
  x: number;
  y: number;
}

/** The line in the picture's own units, and the height of the target where that is in sight; null for less than two values. */
export function lineOf(values: SparkProps["values"], target: number | null): { line: string; first: Point; last: Point; aim: number | null } | null {
  if (values.length < 2) return null;
  const times = values.map(([at]) => Date.parse(at));
  const figures = values.map(([, value]) => value);
  const [start = 0, end = 0] = [times[0], times.at(-1)];
  const least = Math.min(...figures);
  const most = Math.max(...figures);
  const tenth = (number: number) => Math.round(number * 10) / 10;
  const x = (time: number) => tenth(MARGIN + (time - start) / (end - start || 1) * (WIDTH - 2 * MARGIN));
  const y = (value: number) => tenth(most === least ? HEIGHT / 2 : MARGIN + (most - value) / (most - least) * (HEIGHT - 2 * MARGIN));
  const points = figures.map((value, index) => ({ x: x(times[index] ?? start), y: y(value) }));
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return null;
  const aim = target !== null && target >= least && target <= most ? y(target) : null;
  return { line: `M${points.map((point) => `${point.x} ${point.y}`).join("L")}`, first, last, aim };
}
