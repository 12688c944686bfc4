// A session as its page shows it: whether the user takes part, may join, or it is over.

import type { Session, SessionData } from "@bos/client";
import { RequestRefused } from "@bos/client";
import { type Signal, useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos, isComplete, onMessage, user } from "../../app/connection.ts";
import { all, entity } from "../../app/live.ts";
import { inWords } from "../../app/words.ts";

export type Phase = "finding" | "lobby" | "in" | "ended" | "missing" | "failed";

export interface Meeting {
  phase: Phase;
  /** As it is shown, live where the user may follow it; undefined where it is not known. */
  data: SessionData | undefined;
  /** While the user takes part. */
  session: Session | undefined;
  /** Why it could not be found or joined, in words. */
  problem: string;
  /** Why the user takes part no longer; "" where nothing has to be said. */
  left: string;
  isJoining: boolean;
  join: () => void;
  retry: () => void;
}

const LOOK_MS = 1_000;
const REFUSED: Record<string, string> = {
  SESSION_NOT_FOUND: "The session has ended meanwhile, or you are not invited to it any more.",
  UNAUTHORIZED: "Viewers may not take part in sessions.",
};

/** What refused joining, in words. */
export function whyNotJoined(error: unknown): string {
  if (!(error instanceof RequestRefused)) return inWords(error);
  if (error.code === "SESSION_FULL") return `All ${error.details.limit ?? ""} places are taken. Try again when somebody has left.`;
  return REFUSED[error.code] ?? inWords(error);
}

export function useMeeting(id: string, joinsAtOnce: boolean): Meeting {
  const found = useSignal<Phase>("finding");
  const asked = useSignal<SessionData | undefined>(undefined);
  const problem = useSignal("");
  const left = useSignal("");
  const isJoining = useSignal(false);
  const session = useSignal<Session | undefined>(undefined);

  const join = async () => {
    if (isJoining.peek()) return;
    isJoining.value = true;
    problem.value = left.value = "";
    try {
      session.value = await bos().joinSession(id);
      found.value = "in";
    } catch (error) {
      problem.value = whyNotJoined(error);
      found.value = "lobby";
    }
    isJoining.value = false;
  };
  const find = async () => {
    found.value = "finding";
    problem.value = "";
    const already = bos().session(id);
    if (already) {
      session.value = already;
      found.value = "in";
      return;
    }
    try {
      await followOrSee(id, asked);
      if (asked.peek()?.endedAt || entity("session", id)?.endedAt) found.value = "ended";
      else if (joinsAtOnce || takesPart(id)) await join();
      else found.value = "lobby";
    } catch (error) {
      problem.value = inWords(error);
      found.value = error instanceof NotThere ? "missing" : "failed";
    }
  };
  const isReady = isComplete.value;
  useEffect(() => {
    if (isReady) void find();
  }, [id, isReady]);
  // Of one that is open to all, whoever does not follow it hears nothing more than its end.
  useEffect(() => onMessage(({ type, payload }) => {
    const { value } = asked;
    if (type === "SESSION_ENDED" && payload.sessionId === id && value) asked.value = { ...value, endedAt: payload.endedAt };
  }), [id]);
  useEffect(() => watch(id, session, (why) => {
    if (found.peek() !== "in") return;
    left.value = why;
    found.value = "lobby";
    asked.value = entity("session", id) ?? asked.peek();
  }), [id]);

  const data = useComputed(() => entity("session", id) ?? asked.value);
  const isOver = Boolean(data.value?.endedAt) && found.value !== "finding";
  return {
    phase: isOver ? "ended" : found.value,
    data: data.value,
    session: session.value,
    problem: problem.value,
    left: left.value,
    isJoining: isJoining.value,
    join: () => void join(),
    retry: () => void find(),
  };
}

class NotThere extends Error {
  override message = "It does not exist, or you are not invited to it.";
}

/** Follow the session where the user may; otherwise it is one that is open to all, which everybody sees, or none. */
async function followOrSee(id: string, asked: Signal<SessionData | undefined>): Promise<void> {
  try {
    await bos().subscribe(`session:${id}`);
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    asked.value = entity("session", id);
    if (!asked.value) throw new NotThere();
  }
}

/** Whether the user takes part, on this device or another, now or a moment ago. */
function takesPart(id: string): boolean {
  const own = user.peek()?.id;
  return [...all("participant").values()].some(({ sessionId, userId }) => sessionId === id && userId === own);
}

/** Call `onLeft` when the user takes part no longer, and did not leave here: with why, in words. */
function watch(id: string, session: Signal<Session | undefined>, onLeft: (why: string) => void): () => void {
  const gone = (why: string) => {
    if (!session.peek()) return;
    session.value = undefined;
    onLeft(why);
  };
  const stop = onMessage(({ type, payload }) => {
    if (type !== "SESSION_LEFT" || payload.sessionId !== id || payload.userId !== user.peek()?.id || payload.reason) return;
    // Left on another device: what is known of it here is not kept up to date any more.
    bos().unsubscribe(`session:${id}`);
    gone("You have left the session.");
  });
  // Joining it again after a lost connection may be refused, of which no message tells.
  const timer = setInterval(() => {
    if (session.peek() && !session.peek()?.joined) gone(entity("session", id)?.endedAt ? "" : "You do not take part any more. You can join again.");
  }, LOOK_MS);
  return () => {
    stop();
    clearInterval(timer);
  };
}
