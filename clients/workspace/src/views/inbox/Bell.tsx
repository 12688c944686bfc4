// How much waits for this user, and the way to it; what is new is said as it comes.

import type { ServerMessage } from "@bos/client";
import { useEffect } from "preact/hooks";
import { onMessage } from "../../app/connection.ts";
import { isOfThisPage, notificationPlace } from "../../app/places.ts";
import { isAdmin } from "../../app/rights.ts";
import { go, Link } from "../../app/router.tsx";
import { Icon } from "../../ui/icons.tsx";
import { tell } from "../../ui/told.tsx";
import { open, waiting } from "./notifications.ts";

export function Bell() {
  const count = waiting.value;
  useEffect(() => onMessage(tellOf), []);
  return (
    <Link to="/inbox" class="bell" aria-label={`Inbox, ${count} unread`} title="Inbox">
      <Icon name="bell" />
      {count > 0 && <span class="count" data-unread>{count > 99 ? "99+" : count}</span>}
    </Link>
  );
}

/** Say what has come live; what was missed stands in the inbox. */
function tellOf(message: ServerMessage): void {
  if (message.type !== "NOTIFICATION") return;
  const { notificationId, title, category, data, readAt } = message.payload;
  if (readAt) return;
  const place = notificationPlace({ category, data }, isAdmin()) ?? "/inbox";
  tell(title, { label: "Open", run: () => (open(notificationId), isOfThisPage(place) ? go(place) : location.assign(place)) });
}
