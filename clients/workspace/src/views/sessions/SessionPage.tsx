// One session: to join, to meet in, or to read once it is over.

import { bos, user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { replayPlace } from "../../app/places.ts";
import { mayTakePart } from "../../app/rights.ts";
import { chosen, Link } from "../../app/router.tsx";
import { moment } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Button, Problem } from "../../ui/controls.tsx";
import { Ago, Avatars, Empty, Failed, Loading } from "../../ui/shown.tsx";
import { Notes } from "../notes/Notes.tsx";
import { nameOf } from "../../app/names.ts";
import { running, usePresence } from "../people/presence.ts";
import { MeetingRoom } from "./MeetingRoom.tsx";
import { type Meeting, useMeeting } from "./meeting.ts";

export function SessionPage({ id }: { id: string }) {
  const meeting = useMeeting(id, chosen("join") === "1");
  const { phase, data, session, problem, retry } = meeting;
  if (phase === "in" && session && data) return <MeetingRoom key={id} session={session} data={data} />;
  const above = <Link to="/sessions">Sessions</Link>;
  return (
    <View title={data?.title ?? "Session"} class="session" above={above}>
      {phase === "finding" && <Loading what="the session" />}
      {phase === "failed" && <Failed problem={problem} retry={retry} />}
      {phase === "missing" && <Empty title="There is no such session"><p>{problem} <Link to="/sessions">See the sessions that there are</Link></p></Empty>}
      {phase === "lobby" && <Lobby meeting={meeting} />}
      {phase === "ended" && <Ended id={id} meeting={meeting} />}
    </View>
  );
}

function Lobby({ meeting: { data, problem, left, isJoining, join } }: { meeting: Meeting }) {
  usePresence();
  if (!data) return null;
  const { id, hostId, activeSpace, createdAt, maxParticipants, invitationOnly } = data;
  const there = running.value?.find(({ session }) => session.id === id);
  return (
    <section class="panel session-lobby" data-phase="lobby">
      {left && <p role="status">{left}</p>}
      <dl class="session-facts">
        <dt>Host</dt><dd>{hostId === user.value?.id ? "you" : nameOf(hostId)}</dd>
        <dt>Space</dt><dd>{activeSpace}</dd>
        <dt>Begun</dt><dd><Ago at={createdAt} /></dd>
        <dt>Open to</dt><dd>{invitationOnly ? "invited people" : "everybody in the organization"}</dd>
        <dt>There now</dt>
        <dd class="row">
          {there ? <>{there.count} of {maxParticipants} <Avatars people={there.participants.map(({ userId, userName }) => ({ id: userId, name: userName }))} most={8} /></> : `at most ${maxParticipants} people`}
        </dd>
      </dl>
      <Problem says={problem} />
      {mayTakePart()
        ? <Button kind="primary" busy={isJoining} onClick={join}>Join the session</Button>
        : <p>Viewers may not take part in sessions. An administrator can give you the role of a member.</p>}
    </section>
  );
}

function Ended({ id, meeting: { data } }: { id: string; meeting: Meeting }) {
  const isFollowed = bos().channels.includes(`session:${id}`);
  const people = [...all("participant").values()].filter(({ sessionId }) => sessionId === id);
  return (
    <div class="stack" data-phase="ended">
      <p class="row">
        <span>This session has ended{data?.endedAt && <> on <time dateTime={data.endedAt}>{moment(data.endedAt)}</time></>}.</span>
        {people.length > 0 && <Avatars people={people.map(({ userId, userName }) => ({ id: userId, name: userName }))} most={8} />}
        {isFollowed && <Link to={replayPlace(id)} class="button quiet">Play it back</Link>}
      </p>
      {isFollowed
        ? <section class="panel session-notes" aria-label="Notes"><Notes sessionId={id} /></section>
        : <p class="soft">Its notes are there for those who took part or were invited.</p>}
    </div>
  );
}
