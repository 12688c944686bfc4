// How far a meeting has come: what passes while it is played, and how that is said.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A stretch in which nothing happens is left out where it is longer than this, but for what leads to the next thing. */
const IDLE = 20_000;
const LEAD = 3_000;
/** A tab that slept does not jump. */
const LONGEST_TICK = 1_000;

export const SPEEDS = ["1", "4", "16", "60"] as const;
export type Speed = (typeof SPEEDS)[number];

interface Pace {
  speed: Speed;
  length: number;
  /** Leave out what is idle: the offset of what happens next, null where nothing does. */
  skipTo?: number | null;
}

/** Where it is after `elapsed` milliseconds of playing. */
export function advance(at: number, elapsed: number, { speed, length, skipTo }: Pace): number {
  const next = at + Math.min(elapsed, LONGEST_TICK) * Number(speed);
  if (skipTo === null) return length;
  const jumps = skipTo !== undefined && skipTo - at > IDLE;
  return Math.min(length, jumps ? Math.max(next, skipTo - LEAD) : next);
}

/** 3:05, or 1:03:05. */
export function clock(ms: number): string {
  const seconds = Math.floor((ms % MINUTE) / 1000);
  const minutes = Math.floor((ms % HOUR) / MINUTE);
  const hours = Math.floor(ms / HOUR);
  const padded = `${seconds}`.padStart(2, "0");
  return hours ? `${hours}:${`${minutes}`.padStart(2, "0")}:${padded}` : `${minutes}:${padded}`;
}

/** The same, to be read out: 3 minutes 5 seconds. */
export function spoken(ms: number): string {
  const parts = [[Math.floor(ms / HOUR), "hour"], [Math.floor((ms % HOUR) / MINUTE), "minute"], [Math.floor((ms % MINUTE) / 1000), "second"]] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`);
  return said.join(" ") || "the beginning";
}

const STEPS: Record<string, number> = { ArrowRight: 5_000, ArrowUp: 5_000, ArrowLeft: -5_000, ArrowDown: -5_000, PageUp: MINUTE, PageDown: -MINUTE };

/** Where a key leads on the slider; null for one that means nothing there. */
export function movedBy(key: string, at: number, length: number): number | null {
  if (key === "Home") return 0;
  if (key === "End") return length;
  const step = STEPS[key];
  return step === undefined ? null : Math.min(length, Math.max(0, at + step));
}
