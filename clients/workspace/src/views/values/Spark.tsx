/** A KPI's last weeks as a line, with its target; without words, for beside them. values: oldest first. */
export function Spark(_: { values: readonly (readonly [at: string, value: number])[]; target: number | null }) {
  return null;
}
