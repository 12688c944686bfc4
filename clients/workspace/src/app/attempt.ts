// Doing something that may fail: while it goes on, and what went wrong, for the button or the form that asked.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { inWords } from "./words.ts";

export interface Attempt {
  busy: boolean;
  /** What went wrong, in words; "" where nothing did. */
  problem: string;
  /** Do it; whether it was done. */
  run: (act: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

export function useAttempt(): Attempt {
  const busy = useSignal(false);
  const problem = useSignal("");
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  return {
    busy: busy.value,
    problem: problem.value,
    clear: () => problem.value = "",
    run: async (act) => {
      if (busy.peek()) return false;
      busy.value = true;
      problem.value = "";
      try {
        await act();
        return true;
      } catch (error) {
        if (isThere.current) problem.value = inWords(error);
        return false;
      } finally {
        busy.value = false;
      }
    },
  };
}
