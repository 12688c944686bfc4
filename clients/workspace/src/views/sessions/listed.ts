// The sessions that run: as they were asked for, and as they are announced since.

import type { ParticipantData, SessionData, SessionPresence } from "@bos/client";

/** Those that run and have this in their title or space, the newest first. */
export function listed(asked: readonly SessionPresence[], live: ReadonlyMap<string, SessionData>, participants: Iterable<ParticipantData>, search: string): SessionPresence[] {
  const there = new Map<string, SessionPresence>();
  for (const one of asked) {
    const now = live.get(one.session.id) ?? one.session;
    if (!now.endedAt) there.set(now.id, { ...one, session: now });
  }
  for (const session of live.values()) {
    if (!session.endedAt && !there.has(session.id)) there.set(session.id, { session, count: 1, participants: [] });
  }
  // Of one's own session it is known at once who is there.
  const followed = new Map<string, ParticipantData[]>();
  for (const one of participants) followed.set(one.sessionId, [...followed.get(one.sessionId) ?? [], one]);
  for (const [id, present] of followed) {
    const one = there.get(id);
    if (one) there.set(id, { ...one, count: present.length, participants: present });
  }
  const text = search.trim().toLowerCase();
  return [...there.values()]
    .filter(({ session: { title, activeSpace } }) => `${title} ${activeSpace}`.toLowerCase().includes(text))
    .sort((a, b) => Date.parse(b.session.createdAt) - Date.parse(a.session.createdAt));
}
