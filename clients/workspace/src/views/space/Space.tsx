// The organization's space as it is now, outside of a meeting, and the meetings that go on in it.

import { useComputed } from "@preact/signals";
import { isComplete } from "../../app/connection.ts";
import { all, entity } from "../../app/live.ts";
import { notePlace, sessionPlace } from "../../app/places.ts";
import { mayWriteNotes } from "../../app/rights.ts";
import { go, Link } from "../../app/router.tsx";
import { alphabet } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Badge, Loading } from "../../ui/shown.tsx";
import { sceneNow } from "../stage/now.ts";
import { Stage } from "../stage/Stage.tsx";

/** Whoever may write notes may start and join sessions, too. */
export function Space() {
  const actions = mayWriteNotes() && <Link to="/sessions?start=1" class="button primary"><Icon name="plus" />Start a session here</Link>;
  return (
    <View title="Space" actions={actions} class="space">
      <Running />
      {isComplete.value ? <Stage scene={sceneNow(null)} onChoose={openNote} /> : <Loading what="the space" />}
    </View>
  );
}

function openNote({ noteId }: { noteId?: string }): void {
  const note = noteId && entity("annotation", noteId);
  if (note) go(notePlace(note));
}

function Running() {
  const sessions = useComputed(() => [...all("session").values()].filter(({ endedAt }) => endedAt === null).sort((one, other) => alphabet.compare(one.title, other.title)));
  if (!sessions.value.length) return null;
  return (
    <section class="space-running row" aria-label="Sessions that run now">
      <span class="small soft">Running now</span>
      {sessions.value.map(({ id, title, invitationOnly }) => (
        <Link key={id} to={sessionPlace(id)} class="button quiet" data-session={id}>
          <Icon name="sessions" />{title}{invitationOnly && <Badge>by invitation</Badge>}
        </Link>
      ))}
    </section>
  );
}
