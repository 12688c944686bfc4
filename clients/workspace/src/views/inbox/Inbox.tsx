// What waits for the user: notifications, invitations, alerts that concern them, and what they have missed.

import { useComputed } from "@preact/signals";
import { sessionPlace } from "../../app/places.ts";
import { choose, chosen, Link } from "../../app/router.tsx";
import { useAttempt } from "../../app/attempt.ts";
import { View } from "../../frame/View.tsx";
import { Button, Problem, Segments } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Empty } from "../../ui/shown.tsx";
import { AlertList } from "../alerts/AlertList.tsx";
import { concerning, useToldAlerts } from "./concerning.ts";
import { All, Unread } from "./NotificationLists.tsx";
import { invitations, markRead, open, unread } from "./notifications.ts";
import { Missed } from "./WhileAway.tsx";

const TABS = ["unread", "all", "invitations", "alerts"] as const;
/** There is room for both beside each other: as in inbox.css. */
const WIDE = "(min-width: 75rem)";
type Tab = (typeof TABS)[number];

export function Inbox() {
  const told = useToldAlerts();
  const alerts = useComputed(() => concerning(told.value));
  const tab = TABS.find((name) => name === chosen("tab")) ?? "unread";
  const counts: Record<Tab, number> = { unread: unread.value.length, all: 0, invitations: invitations.value.length, alerts: alerts.value.length };
  const labels: Record<Tab, string> = { unread: "Unread", all: "All", invitations: "Invitations", alerts: "Alerts" };
  const options = TABS.map((value) => ({ value, label: <>{labels[value]}{counts[value] > 0 && <span class="inbox-count">{counts[value]}</span>}</> }));
  return (
    <View title="Inbox" class="inbox" actions={<a class="button quiet" href="/account/messages/"><Icon name="settings" />Mail and push settings</a>}>
      <div class="inbox-columns">
        <Missed isOpen={matchMedia(WIDE).matches} />
        <div class="stack">
          <div class="row">
            <Segments label="Show" options={options} value={tab} onChoose={(value) => choose({ tab: value === "unread" ? "" : value })} />
            <span class="grow" />
            {unread.value.length > 0 && (tab === "unread" || tab === "all") && <MarkAll />}
          </div>
          {tab === "unread" && <Unread />}
          {tab === "all" && <All />}
          {tab === "invitations" && <Invitations />}
          {tab === "alerts" && (alerts.value.length > 0 ? <AlertList alerts={alerts.value} withKpi /> : <NoAlerts />)}
        </div>
      </div>
    </View>
  );
}

function MarkAll() {
  const attempt = useAttempt();
  const mark = () => attempt.run(() => markRead(unread.peek().map(({ id }) => id)));
  return (
    <>
      <Problem says={attempt.problem} />
      <Button icon="check" busy={attempt.busy} onClick={mark}>Mark all as read</Button>
    </>
  );
}

function Invitations() {
  if (invitations.value.length === 0) {
    return (
      <Empty title="No invitations">
        <p>When somebody invites you to a session, you can join it from here. <Link to="/sessions">See the sessions</Link> that are open to everybody.</p>
      </Empty>
    );
  }
  return (
    <ul class="inbox-list panel">
      {invitations.value.map((invitation) => <InvitationItem key={invitation.id} {...invitation} />)}
    </ul>
  );
}

function InvitationItem({ sessionId, title }: { sessionId: string; title: string }) {
  const notice = unread.value.find(({ data }) => data.sessionId === sessionId && !data.annotationId);
  return (
    <li class="inbox-item" data-invitation={sessionId}>
      <Icon name="sessions" />
      <div class="grow">
        <p><b>{title}</b></p>
        <p class="soft small">{notice?.title ?? "You are invited to this session."}</p>
      </div>
      <Link to={sessionPlace(sessionId)} class="button primary" onClickCapture={() => notice && open(notice.id)}>Join<span class="hidden-visually"> {title}</span></Link>
    </li>
  );
}

function NoAlerts() {
  return (
    <Empty title="No alerts that concern you">
      <p>Open alerts of the KPIs that you own, and those of which you were notified, come here. <Link to="/alerts">See all alerts</Link></p>
    </Empty>
  );
}
