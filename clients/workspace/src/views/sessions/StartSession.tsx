// Starting a session: what it is about, who may come, and how many.

import { bos } from "../../app/connection.ts";
import { useAttempt } from "../../app/attempt.ts";
import { sessionPlace } from "../../app/places.ts";
import { go } from "../../app/router.tsx";
import { Button, Dialog, Field, Problem, Segments } from "../../ui/controls.tsx";
import { PeoplePicker } from "../people/PeoplePicker.tsx";
import { forgetPlan, MOST_PLACES, plan, planned } from "./starting.ts";

const AUDIENCES = [{ value: "everybody", label: "Everybody may join" }, { value: "invited", label: "Invited people only" }] as const;

export function StartSession({ onClose }: { onClose: () => void }) {
  const attempt = useAttempt();
  const { title, space, audience, invited, size } = planned();
  const isFor = audience === "invited" ? invited : [];
  const start = () => attempt.run(async () => {
    if (audience === "invited" && !invited.length) throw new Error("Choose at least one person to invite.");
    const session = await bos().createSession({ title: title.trim(), activeSpace: space.trim(), inviteUserIds: isFor, maxParticipants: Number(size) });
    forgetPlan();
    go(sessionPlace(session.id));
  });
  return (
    <Dialog title="Start a session" onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), void start())}>
        <Field label="What it is about">
          {(ids) => <input {...ids} name="title" type="text" required maxLength={200} autofocus value={title} onInput={({ currentTarget }) => plan({ title: currentTarget.value })} />}
        </Field>
        <Field label="Space" hint="What you look at together, as the others read it in their invitation.">
          {(ids) => <input {...ids} name="space" type="text" required maxLength={100} value={space} onInput={({ currentTarget }) => plan({ space: currentTarget.value })} />}
        </Field>
        <Segments label="Who may join" options={AUDIENCES} value={audience} onChoose={(chosen) => plan({ audience: chosen })} />
        {audience === "invited" && (
          <Field label="People to invite">
            {(ids) => <PeoplePicker ids={ids} chosen={invited} onChange={(userIds) => plan({ invited: userIds })} />}
          </Field>
        )}
        <Field label="Most people at a time" hint={`2 to ${MOST_PLACES}`}>
          {(ids) => <input {...ids} name="size" type="number" required min={2} max={MOST_PLACES} value={size} onInput={({ currentTarget }) => plan({ size: currentTarget.value })} />}
        </Field>
        <Problem says={attempt.problem} />
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={attempt.busy}>Start</Button>
        </footer>
      </form>
    </Dialog>
  );
}
