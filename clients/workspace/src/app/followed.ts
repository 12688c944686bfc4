// Channels that a view follows while it is shown: several views may want the same one.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos } from "./connection.ts";
import { inWords } from "./words.ts";

const SESSION = "session:";
/** What the connection follows by itself, as far as the user may. */
const ALWAYS = /^(organization|department|user):/;
/** A view that follows another may want the same one. */
const KEPT_MS = 10_000;
const wanted = new Map<string, number>();

export interface Followed {
  /** Whether all that it shows has come. */
  isComplete: boolean;
  /** Why it cannot be followed, in words. */
  problem: string;
}

/** Follow this channel while the component is there; "" follows none. */
export function useFollowed(channel: string): Followed {
  const followed: Signal<Followed> = useSignal({ isComplete: channel === "", problem: "" });
  useEffect(() => {
    if (!channel) return void (followed.value = { isComplete: true, problem: "" });
    let isThere = true;
    followed.value = { isComplete: false, problem: "" };
    wanted.set(channel, (wanted.get(channel) ?? 0) + 1);
    bos().subscribe(channel).then(
      () => isThere && (followed.value = { isComplete: true, problem: "" }),
      (error) => isThere && (followed.value = { isComplete: true, problem: inWords(error) }),
    );
    return () => {
      isThere = false;
      release(channel);
    };
  }, [channel]);
  return followed.value;
}

function release(channel: string): void {
  wanted.set(channel, (wanted.get(channel) ?? 1) - 1);
  if (!ALWAYS.test(channel)) setTimeout(() => end(channel), KEPT_MS);
}

function end(channel: string): void {
  if (wanted.get(channel)) return;
  wanted.delete(channel);
  try {
    // Whoever takes part in a session goes on following it.
    const takesPart = channel.startsWith(SESSION) && bos().session(channel.slice(SESSION.length));
    if (!takesPart) bos().unsubscribe(channel);
  } catch {
    // Signed out: nothing is followed any longer.
  }
}
