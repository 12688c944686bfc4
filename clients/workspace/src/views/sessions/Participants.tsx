// Who takes part: how they are, who hosts, whom to follow, and to whom to hand over.

import type { ParticipantData, Session } from "@bos/client";
import { useAttempt } from "../../app/attempt.ts";
import { user } from "../../app/connection.ts";
import { alphabet } from "../../app/words.ts";
import { Button, Problem } from "../../ui/controls.tsx";
import { Avatar, Badge } from "../../ui/shown.tsx";

const STATES = { active: "", idle: "idle", disconnected: "disconnected" } as const;

interface ParticipantsProps {
  session: Session;
  participants: readonly ParticipantData[];
  isHost: boolean;
  followed: string | null;
  onFollow: (userId: string | null) => void;
}

export function Participants({ session, participants, isHost, followed, onFollow }: ParticipantsProps) {
  const attempt = useAttempt();
  const own = user.value?.id;
  const sorted = [...participants].sort((a, b) => Number(b.role === "host") - Number(a.role === "host") || alphabet.compare(a.userName, b.userName));
  return (
    <>
      <ul class="session-participants">
        {sorted.map(({ userId, userName, state, role }) => (
          <li key={userId} data-participant={userId} data-state={state}>
            <Avatar id={userId} name={userName} state={state} />
            <span class="grow">{userName}{userId === own && <span class="soft"> (you)</span>}</span>
            {STATES[state] && <Badge tone={state === "disconnected" ? "warning" : "soft"}>{STATES[state]}</Badge>}
            {role === "host" && <Badge tone="accent">host</Badge>}
            {userId !== own && (
              <Button kind="plain" aria-pressed={followed === userId} onClick={() => onFollow(followed === userId ? null : userId)}>
                {followed === userId ? "Following" : "Follow"}<span class="hidden-visually"> {userName}</span>
              </Button>
            )}
            {isHost && userId !== own && (
              <Button kind="plain" busy={attempt.busy} onClick={() => void attempt.run(() => session.handOver(userId))}>Make host<span class="hidden-visually"> of {userName}</span></Button>
            )}
          </li>
        ))}
      </ul>
      <Problem says={attempt.problem} />
    </>
  );
}
