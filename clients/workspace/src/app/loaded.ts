// What is asked of the REST API to be shown: while it comes, what went wrong, and once more.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { state } from "./connection.ts";
import { inWords } from "./words.ts";

export interface Loaded<T> {
  /** What has come last; null where nothing has. */
  found: Signal<T | null>;
  /** What went wrong, in words; "" where nothing did. */
  problem: string;
  again: () => void;
}

/** Load it, and again where one of `keys` has changed, or the connection is back after it failed. */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const found = useSignal<T | null>(null);
  const problem = useSignal("");
  const times = useSignal(0);
  const isLive = state.value?.state === "live";
  const again = () => void (times.value += 1);
  useEffect(() => {
    const stopped = new AbortController();
    load(stopped.signal).then(
      (loaded) => {
        if (stopped.signal.aborted) return;
        found.value = loaded;
        problem.value = "";
      },
      (error) => {
        if (!stopped.signal.aborted) problem.value = inWords(error);
      },
    );
    return () => stopped.abort();
  }, [...keys, times.value]);
  useEffect(() => {
    if (isLive && problem.peek()) again();
  }, [isLive]);
  return { found, problem: problem.value, again };
}
