// A note on its way to the server: it goes on where its form is closed, and after a reload it is the same request.

import { RequestRefused, type Replies, type Requests } from "@bos/client";
import { type Signal, signal } from "@preact/signals";
import { bos } from "../../app/connection.ts";
import { draft } from "../../app/drafts.ts";
import { nameOf } from "../../app/names.ts";
import { inWords } from "../../app/words.ts";

export type Act = "ANNOTATION_CREATE" | "ANNOTATION_UPDATE";

export interface Sending {
  busy: Signal<boolean>;
  /** Why it was not done, in words. */
  problem: Signal<string>;
}

/** Kept until the server has answered. */
interface OnItsWay {
  requestId: string;
  at: number;
  type: Act;
  payload: Requests[Act];
}

// The server knows a request for ten minutes: the same one after that would be another note.
const KNOWN_MS = 9 * 60_000;
const sendings = new Map<string, Sending>();
const withdrawals = new Map<string, AbortController>();
const WITHDRAWN = new Error("withdrawn");

/** What becomes of the draft of this name. */
export function sendingOf(name: string): Sending {
  let sending = sendings.get(name);
  if (!sending) sendings.set(name, sending = { busy: signal(false), problem: signal("") });
  return sending;
}

/** Send what the draft of this name has become; whether it was done. The draft is emptied then. */
export function send<Type extends Act>(name: string, type: Type, payload: Requests[Type]): Promise<boolean> {
  const before = kept(name);
  const isSame = before?.type === type && JSON.stringify(before.payload) === JSON.stringify(payload);
  const onItsWay = isSame ? before : { requestId: crypto.randomUUID(), at: Date.now(), type, payload };
  return go(name, onItsWay);
}

/** Go on with what was on its way when the page was left. */
export function resume(name: string): void {
  const before = kept(name);
  if (before && !sendingOf(name).busy.peek()) void go(name, before);
}

/** What is typed now is another note than the one that was on its way. */
export function isAnother(name: string): void {
  const { busy, problem } = sendingOf(name);
  if (busy.peek()) return;
  problem.value = "";
  draft(keeperOf(name)).value = "";
}

/** Do not send it, as long as it has not left. */
export function takeBack(name: string): void {
  withdrawals.get(name)?.abort(WITHDRAWN);
}

async function go(name: string, onItsWay: OnItsWay): Promise<boolean> {
  const { busy, problem } = sendingOf(name);
  if (busy.peek()) return false;
  const { requestId, type, payload } = onItsWay;
  const withdrawal = new AbortController();
  withdrawals.set(name, withdrawal);
  busy.value = true;
  problem.value = "";
  const keeper = draft(keeperOf(name));
  keeper.value = JSON.stringify(onItsWay);
  try {
    await ask(type, payload, { requestId, signal: withdrawal.signal });
    draft(name).value = keeper.value = "";
    return true;
  } catch (error) {
    if (error === WITHDRAWN || error instanceof RequestRefused) keeper.value = "";
    problem.value = error === WITHDRAWN ? "" : noteProblem(error, payload.mentions);
    return false;
  } finally {
    busy.value = false;
  }
}

function ask(type: Act, payload: Requests[Act], how: { requestId: string; signal: AbortSignal }): Promise<Replies[Act]> {
  return bos().request(type, payload, how) as Promise<Replies[Act]>;
}

const keeperOf = (name: string) => `${name}, on its way`;

function kept(name: string): OnItsWay | null {
  const text = draft(keeperOf(name)).peek();
  if (!text) return null;
  const found: OnItsWay = JSON.parse(text);
  return Date.now() - found.at < KNOWN_MS ? found : null;
}

/** What the refusal of a note means to its author. */
export function noteProblem(error: unknown, mentions: readonly string[] = []): string {
  if (!(error instanceof RequestRefused)) return inWords(error);
  const { code, details } = error;
  if (code === "UNAUTHORIZED" && details.field === "mentions") {
    const names = mentions.map(nameOf);
    return `${names.length === 1 ? names[0] : `One of ${names.join(", ")}`} may not see this note. Take the name out, or its @.`;
  }
  if (code === "UNAUTHORIZED" && details.field === "entity") return "What this note is on is archived, or you may not see it any more.";
  if (code === "NOT_FOUND" && details.field === "parentId") return "The note that you answer has been deleted.";
  if (code === "SESSION_NOT_FOUND") return "The session has ended, or you are not in it. Notes that are there can still be answered.";
  if (code === "NOT_FOUND") return details.reason ? `${details.reason}.` : "The note has been deleted.";
  return inWords(error);
}
