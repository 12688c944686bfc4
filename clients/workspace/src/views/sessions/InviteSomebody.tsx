// Inviting one person: to which of the sessions in which the user takes part and may invite.

import { useAttempt } from "../../app/attempt.ts";
import { bos, user } from "../../app/connection.ts";
import { isManager } from "../../app/rights.ts";
import { go } from "../../app/router.tsx";
import { Button, Dialog, Problem } from "../../ui/controls.tsx";
import { tell } from "../../ui/told.tsx";
import { running } from "../people/presence.ts";
import { startWith } from "./starting.ts";

export function InviteSomebody({ person, onClose }: { person: { id: string; name: string }; onClose: () => void }) {
  const attempt = useAttempt();
  const own = user.value?.id;
  const open = (running.value ?? []).filter(({ session, participants }) =>
    participants.some(({ userId }) => userId === own) && (session.hostId === own || isManager()) && !participants.some(({ userId }) => userId === person.id)
  );
  const invite = async (sessionId: string, title: string) => {
    const isDone = await attempt.run(async () => {
      const { userIds } = await bos().request("SESSION_INVITE", { sessionId, userIds: [person.id] });
      tell(userIds.length ? `${person.name} is invited to “${title}”.` : `${person.name} has been invited to “${title}” before.`);
    });
    if (isDone) onClose();
  };
  return (
    <Dialog title={`Invite ${person.name}`} onClose={onClose}>
      <div class="stack">
        {!open.length && <p class="soft">You take part in no session to which you may invite them.</p>}
        {open.map(({ session: { id, title } }) => <Button key={id} busy={attempt.busy} onClick={() => void invite(id, title)}>To “{title}”</Button>)}
        <Button kind={open.length ? "quiet" : "primary"} onClick={() => (startWith(person.id), go("/sessions?start=1"))}>Start a session with {person.name}</Button>
        <Problem says={attempt.problem} />
      </div>
    </Dialog>
  );
}
