// The note that the address leads to with `?note=<id>`: where it is, or that it is gone.

import type { AnnotationData } from "@bos/client";
import { BosError } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../../app/api.ts";
import { inWords } from "../../app/words.ts";

export interface Target {
  /** "" where the address leads to none. */
  id: string;
  /** What is said where it is not here, and the note where it is elsewhere. */
  says: string;
  elsewhere: AnnotationData | null;
}

/** isHere: in what is shown. isComplete: all of that has come. */
export function useTarget(id: string, isHere: boolean, isComplete: boolean): Target {
  const wasHere = useSignal("");
  const found = useSignal<Omit<Target, "id">>({ says: "", elsewhere: null });
  useEffect(() => {
    if (isHere) wasHere.value = id;
    found.value = { says: "", elsewhere: null };
    if (!id || isHere || !isComplete) return;
    if (wasHere.value === id) return void (found.value = { says: "The note that the address leads to has been deleted.", elsewhere: null });
    const leaving = new AbortController();
    look(id, leaving.signal).then((seen) => leaving.signal.aborted || (found.value = seen));
    return () => leaving.abort();
  }, [id, isHere, isComplete]);
  return { id, ...found.value };
}

async function look(id: string, signal: AbortSignal): Promise<Omit<Target, "id">> {
  try {
    const note = await ask<AnnotationData>(`/api/v1/annotations/${encodeURIComponent(id)}`, { signal });
    return { says: "The note that the address leads to is elsewhere.", elsewhere: note };
  } catch (error) {
    const isGone = error instanceof BosError && error.code === "NOT_FOUND";
    return { says: isGone ? "The note that the address leads to is gone, or you may not see it." : inWords(error), elsewhere: null };
  }
}
