// Plays a recording: where it is, and whether it goes on.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { preference } from "../../app/preferences.ts";
import { choose, query } from "../../app/router.tsx";
import { countUntil, type Recording } from "./recording.ts";
import { advance, type Speed, SPEEDS } from "./time.ts";

/** Steps instead of movement, for those who want no motion. */
const TICK_MS = 100;
const STEP_MS = 1_000;
const KEEP_MS = 2_000;

export interface Player {
  /** Milliseconds since the beginning. */
  at: Signal<number>;
  isPlaying: Signal<boolean>;
  seek: (to: number) => void;
  toggle: () => void;
}

const chosenSpeed = preference("replay.speed", { everybody: true });
const skips = preference("replay.skip", { everybody: true });

export const speed = (): Speed => SPEEDS.find((one) => one === chosenSpeed.value) ?? "4";
export const setSpeed = (to: Speed) => void (chosenSpeed.value = to);
export const skipsIdle = () => skips.value !== "no";
export const setSkipsIdle = (yes: boolean) => void (skips.value = yes ? "" : "no");

/** The player of a recording; its place is in the address, in seconds. */
export function usePlayer(recording: Recording): Player {
  const { length } = recording;
  const at = useSignal(placeIn(length));
  const isPlaying = useSignal(false);
  const written = useRef("");
  const keep = () => {
    // Upwards: what has just happened must have happened where the address leads to.
    written.current = `${Math.ceil(at.peek() / 100) / 10}`;
    choose({ at: written.current });
  };
  const seek = (to: number) => {
    at.value = Math.min(length, Math.max(0, to));
    keep();
  };
  const toggle = () => {
    if (!isPlaying.peek() && at.peek() >= length) at.value = 0;
    isPlaying.value = !isPlaying.peek();
    keep();
  };
  useEffect(() => {
    if (!isPlaying.value) return;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let last = performance.now();
    let kept = last;
    const timer = setInterval(() => {
      const now = performance.now();
      const skipTo = skipsIdle() ? nextStep(recording, at.peek()) : undefined;
      at.value = advance(at.peek(), now - last, { speed: speed(), length, skipTo });
      last = now;
      if (at.peek() >= length) isPlaying.value = false;
      if (now - kept < KEEP_MS && isPlaying.peek()) return;
      kept = now;
      keep();
    }, isStill ? STEP_MS : TICK_MS);
    return () => clearInterval(timer);
  }, [isPlaying.value, recording]);
  // Another place in the address: a link, or the back button.
  useEffect(() => query.subscribe((now) => {
    if ((now.get("at") ?? "") !== written.current) at.value = placeIn(length);
  }), [length]);
  return { at, isPlaying, seek, toggle };
}

function placeIn(length: number): number {
  const seconds = Number(query.peek().get("at"));
  return Number.isFinite(seconds) ? Math.min(length, Math.max(0, seconds * 1000)) : 0;
}

function nextStep({ steps }: Recording, at: number): number | null {
  return steps[countUntil(steps, at)] ?? null;
}
