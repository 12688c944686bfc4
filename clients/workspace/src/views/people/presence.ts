// Who is online, what they look at, and which sessions run: asked for while a view shows any of it.

import type { EntityRef, LookingAt, Presence, SessionPresence, Someone } from "@bos/client";
import { batch, effect, type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos, onMessage, state, user } from "../../app/connection.ts";
import { meet } from "../../app/names.ts";
import { type Look, lookersBy, withLive } from "./lookers.ts";

const EVERY_MS = 15_000;
const MANY = 500; // of more, each asks as much more seldom
const LIVE_MS = 2_000; // what was told so short a time before an answer may not be in it

/** By user; null until it is known. */
export const online = signal<ReadonlyMap<string, string> | null>(null);
/** Sessions that run and the user may know of, the newest first; null until they are known. */
export const running = signal<readonly SessionPresence[] | null>(null);
/** Whether the server knows of all of its processes now. */
export const isComplete = signal(true);

const NOBODY: readonly Someone[] = [];
let looks: readonly LookingAt[] = [];
let live: Look[] = [];
/** By entity, so that a card is drawn again for its own lookers only. */
const lookers = new Map<string, Signal<readonly Someone[]>>();
let watchers = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let asking: Promise<void> | null = null;

const isRecent = ({ at }: Look) => Date.now() - at < LIVE_MS;
const keyOf = ({ type, id }: EntityRef) => `${type}:${id}`;

/** The others who look at this. */
export function lookersOf(entity: EntityRef): readonly Someone[] {
  const key = keyOf(entity);
  let found = lookers.get(key);
  if (!found) lookers.set(key, found = signal(lookersBy(looks, user.peek()?.id ?? "").get(key) ?? NOBODY));
  return found.value;
}

function show(next: readonly LookingAt[]): void {
  looks = next;
  const by = lookersBy(looks, user.peek()?.id ?? "");
  batch(() => {
    for (const [key, shown] of lookers) {
      const now = by.get(key) ?? NOBODY;
      const isSame = now.length === shown.peek().length && now.every(({ userId }, at) => userId === shown.peek()[at]?.userId);
      if (!isSame) shown.value = now;
    }
  });
}

/** Ask anew, now; once for all that want to know at the same time. */
export function refresh(): Promise<void> {
  asking ??= ask().catch(() => {}).finally(() => asking = null); // the connection's state tells of what fails
  return asking;
}

async function ask(): Promise<void> {
  const there: Someone[] = [];
  let first: Presence | undefined;
  let after: string | null = null;
  do {
    const page: Presence = await bos().request("PRESENCE_REQUEST", { after }, { timeout: 10 });
    there.push(...page.online);
    first ??= page;
    after = page.next;
  } while (after);
  live = live.filter(isRecent);
  const { sessions, complete, looking } = first;
  batch(() => {
    online.value = new Map(there.map(({ userId, userName }) => [userId, userName]));
    running.value = sessions;
    isComplete.value = complete;
    meet([...there, ...sessions.flatMap(({ participants }) => participants)]);
    show(withLive(looking, live));
  });
}

/** Keep it up to date as long as the component is shown. */
export function usePresence(): void {
  useEffect(() => {
    watchers += 1;
    if (watchers === 1) begin();
    return () => {
      watchers -= 1;
      if (watchers === 0) clearTimeout(timer);
    };
  }, []);
}

const isLive = () => state.peek()?.state === "live";

function begin(): void {
  if (document.visibilityState === "visible" && isLive()) void refresh();
  timer = setTimeout(begin, EVERY_MS * Math.max(1, (online.peek()?.size ?? 0) / MANY));
}

// Come back, the connection may have missed anything; and another user sees other things.
effect(() => {
  if (state.value?.state === "live" && watchers) void refresh();
});
effect(() => {
  if (user.value) return;
  batch(() => {
    online.value = running.value = null;
    live = [];
    show([]);
  });
});

onMessage(({ type, payload }) => {
  if (type !== "LOOKING" || !payload.entity) return;
  const look: Look = { ...payload, entity: payload.entity, at: Date.now() };
  live = [...live.filter(isRecent), look];
  show(withLive(looks, [look]));
});

// ---------------------------------------------------------------- the user's own

const PAUSE_MS = 150; // whoever only passes by is not told of
const FRESH_MS = 1_200; // who looked at it before is known by then: an answer may be a second old
let wanted: EntityRef | null = null;
let pause: ReturnType<typeof setTimeout>;

/** Let the others know that the user looks at this, and hear of them at once; call what is returned to stop it. */
export function lookAt(entity: EntityRef): () => void {
  const channel = keyOf(entity);
  const isOwn = !bos().channels.includes(channel); // a department's is followed as long as the page is there
  if (isOwn) bos().subscribe(channel).catch(() => {});
  wanted = entity;
  tellSoon();
  return () => {
    if (isOwn && user.peek()) bos().unsubscribe(channel);
    if (wanted !== entity) return; // another one has begun
    wanted = null;
    tellSoon();
  };
}

function tellSoon(): void {
  clearTimeout(pause);
  pause = setTimeout(tell, PAUSE_MS);
}

function tell(): void {
  if (!isLive()) return;
  const isThere = wanted !== null;
  // Refused, there is nothing to be told.
  bos().request("LOOKING", { entity: wanted }, { timeout: 10 }).then(() => isThere && (pause = setTimeout(refresh, FRESH_MS)), () => {});
}

effect(() => {
  if (state.value?.state === "live" && wanted) tellSoon();
});
