// How much waits for this user, and the way to it.

import { computed } from "@preact/signals";
import { all } from "../../app/live.ts";
import { Link } from "../../app/router.tsx";
import { Icon } from "../../ui/icons.tsx";

const waiting = computed(() => all("notification").size + all("invitation").size);

export function Bell() {
  const count = waiting.value;
  return (
    <Link to="/inbox" class="bell" aria-label={`Inbox, ${count} unread`} title="Inbox">
      <Icon name="bell" />
      {count > 0 && <span class="count" data-unread>{count > 99 ? "99+" : count}</span>}
    </Link>
  );
}
