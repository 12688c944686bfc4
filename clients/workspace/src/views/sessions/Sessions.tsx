// Sessions: those that run, those that have been, and starting one.

import type { SessionPresence } from "@bos/client";
import { computed, useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos, user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { sessionPlace } from "../../app/places.ts";
import { mayTakePart } from "../../app/rights.ts";
import { choose, chosen, go, Link } from "../../app/router.tsx";
import { View } from "../../frame/View.tsx";
import { Button, SearchBox, Segments } from "../../ui/controls.tsx";
import { Ago, Avatars, Badge, Empty, Loading } from "../../ui/shown.tsx";
import { nameOf } from "../../app/names.ts";
import { refresh, running, usePresence } from "../people/presence.ts";
import { PastSessions } from "./PastSessions.tsx";
import { StartSession } from "./StartSession.tsx";
import { listed } from "./listed.ts";

const WHEN = [{ value: "", label: "Running" }, { value: "past", label: "Past" }] as const;

const invitedTo = computed(() => new Set([...all("invitation").values()].map(({ sessionId }) => sessionId)));
/** Changes where there may be another session: what is known of them is asked for anew then. */
const announced = computed(() => [...all("session").values()].filter(({ endedAt }) => !endedAt).map(({ id, hostId }) => `${id} ${hostId}`).join() + [...invitedTo.value].join());

export function Sessions() {
  usePresence();
  const known = announced.value;
  useEffect(() => void refresh(), [known]);
  const when = chosen("when") === "past" ? "past" : "";
  const start = mayTakePart() && <Button kind="primary" icon="plus" onClick={() => choose({ start: "1" })}>Start a session</Button>;
  return (
    <View title="Sessions" class="sessions" actions={start}>
      <div class="row">
        <SearchBox label="Search sessions" value={chosen("search")} onSearch={(search) => choose({ search })} />
        <Segments label="When" options={WHEN} value={when} onChoose={(next) => choose({ when: next })} />
      </div>
      {when === "past" ? <PastSessions search={chosen("search")} /> : <Running />}
      {chosen("start") && mayTakePart() && <StartSession onClose={() => choose({ start: "" })} />}
    </View>
  );
}

function Running() {
  const sessions = useComputed(() => running.value && listed(running.value, all("session"), all("participant").values(), chosen("search")));
  const shown = sessions.value;
  if (!shown) return <Loading what="the sessions" />;
  if (!shown.length) return <NoneRuns />;
  return <ul class="sessions-list">{shown.map((one) => <RunningSession key={one.session.id} {...one} />)}</ul>;
}

function NoneRuns() {
  if (chosen("search")) {
    return <Empty title="No session is found"><Button onClick={() => choose({ search: "" })}>Show all that run</Button></Empty>;
  }
  return (
    <Empty title="No session is running">
      <p>In a session several people look at the same KPIs in one space, see where the others point, and write notes.</p>
      {mayTakePart() ? <Button kind="primary" icon="plus" onClick={() => choose({ start: "1" })}>Start a session</Button> : <p>Members and those above start and join them.</p>}
    </Empty>
  );
}

function RunningSession({ session: { id, title, hostId, activeSpace, createdAt, maxParticipants, invitationOnly }, count, participants }: SessionPresence) {
  const own = user.value?.id;
  const isIn = participants.some(({ userId }) => userId === own) || Boolean(bos().session(id));
  const isFull = count >= maxParticipants;
  return (
    <li class="panel sessions-card" data-session={id}>
      <header>
        <h2><Link to={sessionPlace(id)}>{title}</Link></h2>
        {isIn && <Badge tone="good">you take part</Badge>}
        {!isIn && invitedTo.value.has(id) && <Badge tone="accent">you are invited</Badge>}
        {invitationOnly && <Badge>by invitation</Badge>}
        {isFull && <Badge tone="warning">full</Badge>}
      </header>
      <p class="soft small">{activeSpace} · hosted by {hostId === own ? "you" : nameOf(hostId)} · begun <Ago at={createdAt} /></p>
      <div class="row">
        {participants.length > 0 && <Avatars people={participants.map(({ userId, userName }) => ({ id: userId, name: userName }))} most={8} />}
        <span class="small">{count} of {maxParticipants} places taken</span>
        <span class="grow" />
        {isIn && <Button onClick={() => go(sessionPlace(id))}>Open<span class="hidden-visually"> {title}</span></Button>}
        {!isIn && mayTakePart() && !isFull && <Button kind="primary" onClick={() => go(`${sessionPlace(id)}?join=1`)}>Join<span class="hidden-visually"> {title}</span></Button>}
      </div>
    </li>
  );
}
