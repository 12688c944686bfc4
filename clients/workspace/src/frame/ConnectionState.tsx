// Whether what is shown is live, in words, and what can be done about it.

import type { BosError, StateName } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos, caughtUp, sequence, state } from "../app/connection.ts";
import { announce } from "../ui/told.tsx";

type Shown = "connecting" | "live" | "unsure" | "reconnecting" | "offline";
const SHOWN: Partial<Record<StateName, Shown>> = { live: "live", unsure: "unsure", waiting: "reconnecting", offline: "offline", stopped: "offline" };
const WORDS: Record<Shown, string> = { connecting: "connecting", live: "live", unsure: "no answer", reconnecting: "reconnecting", offline: "no network" };
const SAID_MS = 10_000;
const LOST = 1006; // what a browser calls a loss without a word of the server

export function ConnectionState() {
  const now = state.value;
  const shown = SHOWN[now?.state ?? "connecting"] ?? "connecting";
  const seconds = useSecondsUntil(now?.until ?? null);
  const resumed = useBriefly(shown === "live" ? caughtUp.value : null);
  const why = wordsOf(now?.reason ?? null);
  useEffect(() => announce(`${WORDS[shown]}. ${why}`), [shown]);
  let words = WORDS[shown];
  if (shown === "reconnecting" && seconds !== null) words = `reconnecting in ${seconds} s`;
  if (resumed) words = `resumed with ${resumed} missed ${resumed === 1 ? "update" : "updates"}`;
  return (
    <div class="connection" data-connection={shown} title={`Event ${sequence.value ?? "–"} of the organization’s log is the last that is shown here`}>
      <span class="dot" aria-hidden="true" />
      <span data-connection-text>{words}</span>
      {shown === "reconnecting" && <button type="button" class="button plain" data-retry onClick={() => bos().retryNow()}>now</button>}
      <span class="sequence hidden-visually">event <b data-sequence>{sequence.value ?? "–"}</b></span>
      {why && shown === "reconnecting" && <p class="connection-why" data-connection-why>{why}</p>}
    </div>
  );
}

/** What the server has said; a loss without a word is plain to see. */
function wordsOf(reason: BosError | null): string {
  if (!reason) return "";
  return (reason.details.closeCode ?? LOST) === LOST && reason.name === "ConnectionLost" ? "" : reason.message;
}

function useSecondsUntil(until: number | null): number | null {
  const left = useSignal<number | null>(null);
  useEffect(() => {
    const count = () => left.value = until === null ? null : Math.max(0, Math.ceil((until - Date.now()) / 1000));
    count();
    if (until === null) return;
    const timer = setInterval(count, 500);
    return () => clearInterval(timer);
  }, [until]);
  return left.value;
}

/** The number for a few seconds after it has come. */
function useBriefly(count: number | null): number | null {
  const shown = useSignal<number | null>(null);
  useEffect(() => {
    shown.value = count;
    const timer = setTimeout(() => shown.value = null, SAID_MS);
    return () => clearTimeout(timer);
  }, [count]);
  return shown.value;
}
