// While the user looks at the live page, the server is told how far they have seen. Whoever comes back after a while is told
// what they have missed.

import type { Away } from "@bos/client";
import { computed, effect, signal, untracked } from "@preact/signals";
import { bos, isComplete, sequence, state } from "../../app/connection.ts";
import { signedInAs } from "../../app/session.ts";
import { AWAY_MS, isNews } from "./summary.ts";

const TELL_MS = 30_000;
const PATIENCE_S = 30;

/** What the user has missed, until they have dismissed it; kept through reloads of this tab. */
export const missed = signal<Away | null>(null);

const isVisible = signal(document.visibilityState === "visible");
const looks = computed(() => isVisible.value && isComplete.value && state.value?.state === "live");

/** When the user was seen to look last, in this tab; 0 where they have not. */
let lookedAt = 0;
/** The last event of which the server was told that it was seen. */
let told = 0;

/** Begin, for the user who has signed in; call what is returned to end it. */
export function watch(): () => void {
  lookedAt = told = 0;
  missed.value = kept();
  const see = () => isVisible.value = document.visibilityState === "visible";
  document.addEventListener("visibilitychange", see);
  const stop = effect(() => looks.value ? untracked(look) : undefined);
  return () => {
    document.removeEventListener("visibilitychange", see);
    stop();
  };
}

/** The user looks, until what is returned is called. */
function look(): () => void {
  let isAsking = false;
  let isOver = false;
  const tell = async () => {
    if (isAsking) return;
    if (wasAway()) {
      // Before the server is told what was seen, it has to say what was missed.
      isAsking = true;
      const isAnswered = await askWhatWasMissed();
      isAsking = false;
      if (!isAnswered || isOver) return;
    }
    tellSeen();
  };
  tell();
  const timer = setInterval(tell, TELL_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
    if (!isAsking && !wasAway()) tellSeen();
  };
}

/** Also where the machine has slept meanwhile, and nothing else has been noticed of it. */
const wasAway = () => Date.now() - lookedAt >= AWAY_MS;

/** Whether it was answered; if not, it is asked once more when the connection is back. */
async function askWhatWasMissed(): Promise<boolean> {
  try {
    const away = await bos().request("AWAY_REQUEST", undefined, { timeout: PATIENCE_S });
    if (isNews(away, Date.now())) keep(away);
    return true;
  } catch {
    return false;
  }
}

function tellSeen(): void {
  lookedAt = Date.now();
  const now = sequence.peek() ?? 0;
  // What is lost is said again with the next event.
  if (now <= told || state.peek()?.state !== "live") return;
  told = now;
  bos().request("SEEN", { sequence: now }, { timeout: PATIENCE_S }).catch(() => told = 0);
}

export function dismiss(): void {
  keep(null);
}

// ------------------------------------------------------------------ kept by this tab

const place = () => `bos.missed ${signedInAs.peek()}`;

function keep(away: Away | null): void {
  missed.value = away;
  if (away) sessionStorage.setItem(place(), JSON.stringify(away));
  else sessionStorage.removeItem(place());
}

function kept(): Away | null {
  const text = sessionStorage.getItem(place());
  return text ? JSON.parse(text) as Away : null;
}
