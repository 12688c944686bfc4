// What is asked in a session: whom to invite, how to leave as its host, whether to end it.

import type { ParticipantData, Session } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useAttempt } from "../../app/attempt.ts";
import { draft } from "../../app/drafts.ts";
import { go } from "../../app/router.tsx";
import { Button, Dialog, Field, Problem } from "../../ui/controls.tsx";
import { tell } from "../../ui/told.tsx";
import { PeoplePicker } from "../people/PeoplePicker.tsx";

interface Asked {
  session: Session;
  onClose: () => void;
}

export function InviteDialog({ session, there, onClose }: Asked & { there: readonly string[] }) {
  const attempt = useAttempt();
  const kept = draft(`people to invite to ${session.id}`);
  const people = kept.value ? kept.value.split(" ") : [];
  const invite = async () => {
    const isDone = await attempt.run(async () => {
      if (!people.length) throw new Error("Choose at least one person.");
      const { length } = await session.invite(people);
      kept.value = "";
      tell(length === 1 ? "One person is invited." : length ? `${length} people are invited.` : "They had all been invited before.");
    });
    if (isDone) onClose();
  };
  return (
    <Dialog title="Invite to the session" onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), void invite())}>
        <Field label="People" hint="Each of them is notified. Whoever has been invited before is told nothing again." problem={attempt.problem}>
          {(ids) => <PeoplePicker ids={ids} chosen={people} except={there} onChange={(userIds) => kept.value = userIds.join(" ")} />}
        </Field>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={attempt.busy}>Invite</Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** For the host: somebody takes over, or it ends. */
export function LeaveDialog({ session, others, onClose }: Asked & { others: readonly ParticipantData[] }) {
  const attempt = useAttempt();
  const heir = useSignal(others[0]?.userId ?? "");
  const leave = (newHostId?: string) => attempt.run(async () => {
    await session.leave(newHostId);
    go("/sessions");
  });
  return (
    <Dialog title="Leave the session" onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), void leave(heir.value || undefined))}>
        {others.length > 0
          ? (
            <fieldset class="stack">
              <legend>You are the host. Who takes over?</legend>
              {others.map(({ userId, userName, state }) => (
                <label key={userId}><input type="radio" name="heir" value={userId} checked={heir.value === userId} onChange={() => heir.value = userId} /> {userName}{state !== "active" && <span class="soft"> ({state})</span>}</label>
              ))}
            </fieldset>
          )
          : <p>Nobody else takes part: the session ends when you leave. Its notes stay, and it can be played back.</p>}
        <Problem says={attempt.problem} />
        <footer>
          <Button onClick={onClose}>Stay</Button>
          {others.length > 0 && <Button kind="danger" busy={attempt.busy} onClick={() => void leave()}>End it for everybody</Button>}
          <Button kind="primary" type="submit" busy={attempt.busy}>{others.length > 0 ? "Hand over and leave" : "Leave and end it"}</Button>
        </footer>
      </form>
    </Dialog>
  );
}

export function EndDialog({ session, onClose }: Asked) {
  const attempt = useAttempt();
  const end = async () => {
    if (await attempt.run(() => session.end())) onClose();
  };
  return (
    <Dialog title="End the session" onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), void end())}>
        <p>It ends for everybody. Its notes stay, and it can be played back.</p>
        <Problem says={attempt.problem} />
        <footer>
          <Button onClick={onClose}>Go on</Button>
          <Button kind="danger" type="submit" busy={attempt.busy}>End it for everybody</Button>
        </footer>
      </form>
    </Dialog>
  );
}
