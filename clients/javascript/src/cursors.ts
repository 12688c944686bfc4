// Cursors: few are sent, and where others point is shown as if it moved without steps.

import type { EntityRef, Position } from "./protocol.ts";
import { Timers } from "./timers.ts";

const EVERY_S = 0.1; // of more, a server passes on the latest only
const GLIDE_S = 0.12; // a little longer than the steps are apart

/** Where somebody points, and what they look at. */
export interface Pointer {
  userId: string;
  position: Position;
  focusedEntity: EntityRef | null;
}

/** Sends at most ten a second, and always the last one. */
export class OwnCursor {
  #timers: Timers;
  #send: (position: Position, focused?: EntityRef) => boolean;
  #next: [Position, EntityRef?] | null = null;

  /** send: returns whether it could be sent. */
  constructor(pace: number, send: (position: Position, focused?: EntityRef) => boolean) {
    this.#timers = new Timers(pace);
    this.#send = send;
  }

  move(position: Position, focused?: EntityRef): void {
    this.#next = [position, focused];
    if (!this.#timers.has("next")) this.flush();
  }

  /** Send what has not been sent, if that is possible now. */
  flush(): void {
    if (!this.#next || !this.#send(...this.#next)) return;
    this.#next = null;
    this.#timers.after("next", EVERY_S, () => this.flush());
  }

  stop(): void {
    this.#next = null;
    this.#timers.clear();
  }
}

interface Track {
  from: Position;
  to: Position;
  since: number;
  focusedEntity: EntityRef | null;
}

/** Where the others point, at any time between two of their messages. */
export class OthersCursors {
  #tracks = new Map<string, Track>();
  #glideMs: number;

  constructor(pace: number) {
    this.#glideMs = GLIDE_S * 1000 * pace;
  }

  moved(userId: string, to: Position, focusedEntity: EntityRef | null, now = performance.now()): void {
    const before = this.#tracks.get(userId);
    this.#tracks.set(userId, { from: before ? this.#at(before, now) : to, to, since: now, focusedEntity });
  }

  gone(userId: string): void {
    this.#tracks.delete(userId);
  }

  clear(): void {
    this.#tracks.clear();
  }

  /** Return where everybody points at this time, of `performance.now()`. */
  at(now = performance.now()): Pointer[] {
    return [...this.#tracks].map(([userId, track]) => ({ userId, position: this.#at(track, now), focusedEntity: track.focusedEntity }));
  }

  #at({ from, to, since }: Track, now: number): Position {
    const share = Math.min(1, Math.max(0, (now - since) / this.#glideMs));
    const between = (axis: keyof Position) => from[axis] + (to[axis] - from[axis]) * share;
    return { x: between("x"), y: between("y"), z: between("z") };
  }
}
