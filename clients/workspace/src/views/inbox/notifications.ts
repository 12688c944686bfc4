// The user's notifications: what waits for them, and marking it as read.

import type { InvitationData, NotificationData } from "@bos/client";
import { computed } from "@preact/signals";
import { bos } from "../../app/connection.ts";
import { all } from "../../app/live.ts";

/** The server takes so many at once. */
const MOST_AT_ONCE = 500;

const newestFirst = (a: NotificationData, b: NotificationData) => b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);

export const unread = computed(() => [...all("notification").values()].sort(newestFirst));
export const invitations = computed<InvitationData[]>(() => [...all("invitation").values()]);

/** How much waits; an invitation of which an unread notification tells counts once. */
export const waiting = computed(() => {
  const told = new Set(unread.value.map(({ data }) => data.sessionId));
  return unread.value.length + invitations.value.filter(({ sessionId }) => !told.has(sessionId)).length;
});

/** Those of a list that was read from the server, with those that have come since. */
export function withNewer(listed: readonly NotificationData[]): NotificationData[] {
  const known = new Set(listed.map(({ id }) => id));
  return [...unread.value.filter(({ id }) => !known.has(id)), ...listed].sort(newestFirst);
}

/** Mark these as read, here and on the user's other devices. */
export async function markRead(ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
    await bos().request("NOTIFICATION_READ", { notificationIds: ids.slice(start, start + MOST_AT_ONCE) });
  }
}

/** Mark one as read that is being opened: where that fails, it stays unread, and is marked when it is opened again. */
export function open(id: string): void {
  if (all("notification").has(id)) markRead([id]).catch(() => {});
}
