// Notifications: those that are unread, as they come, and all that are kept, page by page.

import type { NotificationData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { pages } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { all } from "../../app/live.ts";
import { isOfThisPage, notificationPlace } from "../../app/places.ts";
import { isAdmin } from "../../app/rights.ts";
import { Link } from "../../app/router.tsx";
import { Button } from "../../ui/controls.tsx";
import { Icon, type IconName } from "../../ui/icons.tsx";
import { Ago, Empty, Failed, Loading } from "../../ui/shown.tsx";
import { markRead, open, unread, withNewer } from "./notifications.ts";

const A_PAGE = 50;

export function Unread() {
  const most = useSignal(A_PAGE);
  if (unread.value.length === 0) {
    return (
      <Empty title="You have read everything">
        <p>Alerts that concern you, mentions in notes, invitations to sessions, and work that has failed are told here.</p>
      </Empty>
    );
  }
  return (
    <>
      <List notifications={unread.value.slice(0, most.value)} />
      {unread.value.length > most.value && <Button onClick={() => most.value += A_PAGE}>Show more</Button>}
    </>
  );
}

/** Also those that were read, for as long as the server keeps them. */
export function All() {
  const listed = useSignal<NotificationData[] | null>(null);
  const hasMore = useSignal(true);
  const { busy, problem, run } = useAttempt();
  const source = useSignal<AsyncGenerator<NotificationData[]> | null>(null);
  const load = () => run(async () => {
    source.value ??= pages<NotificationData>(`/api/v1/notifications?limit=${A_PAGE}`);
    const { value, done } = await source.value.next().catch((error) => {
      source.value = null; // it has ended; from the beginning, then
      listed.value = null;
      throw error;
    });
    listed.value = [...(listed.value ?? []), ...(value ?? [])];
    hasMore.value = !done && value.length === A_PAGE;
  });
  useEffect(() => void load(), []);
  if (problem) return <Failed problem={problem} retry={load} />;
  if (!listed.value) return <Loading what="notifications" />;
  const shown = withNewer(listed.value);
  if (shown.length === 0) {
    return <Empty title="Nothing yet"><p>What you are told here stays for some time after you have read it.</p></Empty>;
  }
  return (
    <>
      <List notifications={shown} />
      {hasMore.value && <Button busy={busy} onClick={load}>Show more</Button>}
    </>
  );
}

function List({ notifications }: { notifications: readonly NotificationData[] }) {
  return (
    <ul class="inbox-list panel">
      {notifications.map((notification) => <Item key={notification.id} {...notification} />)}
    </ul>
  );
}

const ICONS: Record<string, IconName> = { alert: "alerts", mention: "note", session_invitation: "sessions", report_failed: "reports", prediction_failed: "right" };

function Item(notification: NotificationData) {
  const { id, category, title, message, createdAt } = notification;
  const isUnread = all("notification").has(id);
  const attempt = useAttempt();
  return (
    <li class="inbox-item" data-notification={id} data-read={!isUnread}>
      <Icon name={ICONS[category] ?? "bell"} />
      <div class="grow">
        <p class="inbox-title">{isUnread && <span class="inbox-dot" role="img" aria-label="Unread" title="Unread" />}<Titled {...notification}>{title}</Titled></p>
        {message && <p class="soft small">{message}</p>}
        {attempt.problem && <p class="problem" role="alert">{attempt.problem}</p>}
      </div>
      <span class="soft small inbox-when"><Ago at={createdAt} /></span>
      {isUnread && <Button kind="plain" icon="check" label={`Mark as read: ${title}`} busy={attempt.busy} onClick={() => attempt.run(() => markRead([id]))} />}
    </li>
  );
}

/** The title, as a link to what it tells of; opened, it is read. */
function Titled({ id, category, data, children }: NotificationData & { children: string }) {
  const place = notificationPlace({ category, data }, isAdmin());
  if (!place) return <span>{children}</span>;
  const read = () => open(id);
  return isOfThisPage(place) ? <Link to={place} onClickCapture={read}>{children}</Link> : <a href={place} onClick={read}>{children}</a>;
}
