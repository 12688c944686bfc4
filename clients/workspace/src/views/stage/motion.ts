// What moves by itself: an object that grows to its new height, and a ring around what has just changed.

import type { Model, Thing } from "./scene.ts";

const GROWING_MS = 600;
export const FRESH_MS = 1_600;

interface Change {
  from: number;
  at: number;
}

export class Motion {
  #changes = new Map<string, Change>();
  #withoutMotion: () => boolean;

  constructor(withoutMotion: () => boolean) {
    this.#withoutMotion = withoutMotion;
  }

  /** Take what is different from before; what comes or moves for the first time is no change. */
  take(before: Model, after: Model, now: number): void {
    for (const thing of after.things) {
      const old = before.thingOf.get(thing.kpi.id);
      if (!old || (old.kpi.value === thing.kpi.value && old.height === thing.height)) continue;
      this.#changes.set(thing.kpi.id, { from: this.heightOf(old, now), at: now });
    }
  }

  /** How high it is shown now. */
  heightOf({ kpi, height }: Thing, now: number): number {
    const change = this.#changes.get(kpi.id);
    if (!change || this.#withoutMotion()) return height;
    const share = Math.min(1, (now - change.at) / GROWING_MS);
    return change.from + (height - change.from) * (1 - (1 - share) ** 3);
  }

  /** What has just changed, and how long ago as a share of the time that it shows; 0 throughout where motion is not welcome. */
  *fresh(now: number): Generator<[kpiId: string, share: number]> {
    for (const [id, { at }] of this.#changes) yield [id, this.#withoutMotion() ? 0 : Math.min(1, (now - at) / FRESH_MS)];
  }

  /** Forget what is over; whether there is anything that still moves or will go. */
  goesOn(now: number): boolean {
    for (const [id, { at }] of this.#changes) if (now - at >= FRESH_MS) this.#changes.delete(id);
    return this.#changes.size > 0;
  }
}
