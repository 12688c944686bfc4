// In a session: the space, who is there, and the notes.

import type { EntityRef, Position, Session, SessionData } from "@bos/client";
import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useAttempt } from "../../app/attempt.ts";
import { onMessage, state, user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { isAdmin, isManager } from "../../app/rights.ts";
import { choose, chosen, go, Link } from "../../app/router.tsx";
import { View } from "../../frame/View.tsx";
import { Button, Menu, Problem, Segments } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Badge } from "../../ui/shown.tsx";
import { announce, tell } from "../../ui/told.tsx";
import { Notes } from "../notes/Notes.tsx";
import { pinIn } from "../notes/pinned.tsx";
import { nameOf } from "../../app/names.ts";
import { usePresence } from "../people/presence.ts";
import { sceneNow } from "../stage/now.ts";
import { Stage } from "../stage/Stage.tsx";
import { EndDialog, InviteDialog, LeaveDialog } from "./dialogs.tsx";
import { Participants } from "./Participants.tsx";

const ORIGIN: Position = { x: 0, y: 0, z: 0 };
const PARTS = [{ value: "", label: "Space" }, { value: "notes", label: "Notes" }, { value: "people", label: "People" }] as const;
type Part = (typeof PARTS)[number]["value"];
type Question = "invite" | "leave" | "end" | null;

export function MeetingRoom({ session, data }: { session: Session; data: SessionData }) {
  const { id, title, hostId, activeSpace } = data;
  const isHost = hostId === user.value?.id;
  const asks = useSignal<Question>(null);
  const followed = useSignal<string | null>(null);
  const attempt = useAttempt();
  usePresence(); // for the names of those who may be invited
  useTold(id, hostId);
  const participants = useComputed(() => [...all("participant").values()].filter(({ sessionId }) => sessionId === id));
  const leave = () => {
    if (isHost) asks.value = "leave";
    else void attempt.run(async () => (await session.leave(), go("/sessions")));
  };
  const actions = (
    <>
      {(isHost || isManager()) && <Button icon="plus" onClick={() => asks.value = "invite"}>Invite</Button>}
      <Button icon="out" busy={attempt.busy} onClick={leave}>Leave</Button>
      <Menu label="More to do in this session" button={<Icon name="more" />}>
        <button type="button" onClick={() => void copyLink()}><Icon name="link" /> Copy the link</button>
        {(isHost || isAdmin()) && <button type="button" onClick={() => asks.value = "end"}><Icon name="close" /> End for everybody</button>}
      </Menu>
    </>
  );
  // Where a note is looked for, there it is.
  const part = partOf(chosen("part") || (chosen("note") && "notes"));
  const show = (next: Part) => choose({ part: next, note: next === "notes" ? chosen("note") : "" });
  const done = () => asks.value = null;
  return (
    <View title={title} class="session" above={<><Link to="/sessions">Sessions</Link> · {activeSpace}</>} actions={actions}>
      <Connection />
      <Problem says={attempt.problem} />
      <div class="session-parts"><Segments label="Part of the session" options={PARTS} value={part} onChoose={show} /></div>
      <Room session={session} id={id} part={part} followed={followed.value} onFollowEnd={() => followed.value = null}>
        <section class="panel session-people" aria-labelledby="session-people">
          <header><h2 id="session-people">People</h2><Badge>{participants.value.length} of {data.maxParticipants}</Badge></header>
          <Participants session={session} participants={participants.value} isHost={isHost} followed={followed.value} onFollow={(userId) => followed.value = userId} />
        </section>
      </Room>
      {asks.value === "invite" && <InviteDialog session={session} there={participants.value.map(({ userId }) => userId)} onClose={done} />}
      {asks.value === "leave" && <LeaveDialog session={session} others={participants.value.filter(({ userId }) => userId !== user.value?.id)} onClose={done} />}
      {asks.value === "end" && <EndDialog session={session} onClose={done} />}
    </View>
  );
}

function partOf(text: string): Part {
  return PARTS.find(({ value }) => value === text)?.value ?? "";
}

interface RoomProps {
  session: Session;
  id: string;
  part: Part;
  followed: string | null;
  onFollowEnd: () => void;
  children: ComponentChildren;
}

/** The space beside people and notes; where there is little room, one of them. */
function Room({ session, id, part, followed, onFollowEnd, children }: RoomProps) {
  const scene = useComputed(() => sceneNow(id));
  const place = useRef<Position>(ORIGIN);
  const notes = useRef<HTMLElement>(null);
  // The scene changes with each value of a KPI, and the notes with none: they are not drawn again.
  const written = useMemo(() => <Notes sessionId={id} position={() => place.current} />, [id]);
  const point = (position: Position, focused?: EntityRef) => {
    place.current = position;
    session.moveCursor(position, focused);
  };
  const pin = (position: Position, entity?: EntityRef) => {
    pinIn(id, { position, entity: entity ?? null });
    if (part !== "notes") choose({ part: "notes" });
    // Drawn first, where it was hidden.
    requestAnimationFrame(() => notes.current?.querySelector<HTMLElement>("textarea, form input")?.focus());
  };
  const open = ({ noteId }: { noteId?: string }) => noteId && choose({ note: noteId, part: "notes" });
  return (
    <div class="session-room" data-phase="in" data-part={part || "space"}>
      <div class="session-space">
        <Stage scene={scene.value} pointers={() => session.cursors()} onPoint={point} onPin={pin} onChoose={open} followed={followed} onFollowEnd={onFollowEnd} />
      </div>
      {children}
      <section class="panel session-notes" aria-label="Notes" ref={notes}>
        {written}
      </section>
    </div>
  );
}

/** What the others see of the user while the connection is lost. */
function Connection() {
  const name = state.value?.state;
  if (name === "live" || name === "unsure") return null;
  return <p class="session-lost" role="status" data-reconnecting>Reconnecting. The others see you as disconnected; your place is kept for a minute.</p>;
}

async function copyLink(): Promise<void> {
  const { origin, pathname } = location;
  try {
    await navigator.clipboard.writeText(`${origin}${pathname}`);
    tell("The link is copied. Whoever may join can open it.");
  } catch {
    tell(`Copy this address: ${origin}${pathname}`);
  }
}

/** Tell screen readers who comes and goes, and who becomes the host. */
function useTold(id: string, hostId: string): void {
  const before = useRef(hostId);
  useEffect(() => {
    if (before.current === hostId) return;
    before.current = hostId;
    tell(hostId === user.peek()?.id ? "You are the host now." : `${nameOf(hostId)} is the host now.`);
  }, [hostId]);
  useEffect(() => onMessage(({ type, payload }) => {
    if (type === "SESSION_JOINED" && payload.sessionId === id && payload.userId !== user.peek()?.id) announce(`${payload.userName} has joined.`);
    if (type === "SESSION_LEFT" && payload.sessionId === id && payload.userId !== user.peek()?.id) announce(`${payload.userName} has left.`);
  }), [id]);
}
