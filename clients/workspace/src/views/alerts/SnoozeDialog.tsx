// A time of one's own until which nobody is notified of an alert.

import type { AlertData } from "@bos/client";
import { useAttempt } from "../../app/attempt.ts";
import { draft } from "../../app/drafts.ts";
import { moment } from "../../app/words.ts";
import { Button, Dialog, Field } from "../../ui/controls.tsx";
import { tell } from "../../ui/told.tsx";
import { snooze } from "./handling.ts";

const LONGEST_DAYS = 30;
const DAY_MS = 86_400_000;

export function SnoozeDialog({ alert, onClose }: { alert: AlertData; onClose: () => void }) {
  const attempt = useAttempt();
  const typed = draft(`snooze of ${alert.id}`);
  const submit = async () => {
    const done = await attempt.run(async () => {
      const until = new Date(typed.value);
      const problem = problemOf(until);
      if (problem) throw new Error(problem);
      await snooze(alert.id, until);
      tell(`Snoozed until ${moment(until.getTime())}: ${alert.message}`);
    });
    if (!done) return;
    typed.value = "";
    onClose();
  };
  return (
    <Dialog title="Snooze until" onClose={onClose}>
      <form noValidate onSubmit={(event) => (event.preventDefault(), submit())}>
        <p class="soft">{alert.message}</p>
        <Field label="Day and time" hint={`At most ${LONGEST_DAYS} days from now. Until then nobody is notified of it.`} problem={attempt.problem}>
          {(ids) => <input {...ids} type="datetime-local" autofocus value={typed.value} onInput={({ currentTarget }) => typed.value = currentTarget.value} />}
        </Field>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={attempt.busy}>Snooze</Button>
        </footer>
      </form>
    </Dialog>
  );
}

function problemOf(until: Date): string {
  const ahead = until.getTime() - Date.now();
  if (Number.isNaN(ahead)) return "Until when? A day and a time.";
  if (ahead <= 0) return "This time is over.";
  return ahead > LONGEST_DAYS * DAY_MS ? `At most ${LONGEST_DAYS} days from now.` : "";
}
