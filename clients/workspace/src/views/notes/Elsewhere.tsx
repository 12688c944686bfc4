// Notes that meetings have pinned to a thing: asked for when they are wanted, and answered where they are.

import type { AnnotationData, EntityRef } from "@bos/client";
import { useComputed, useSignal } from "@preact/signals";
import { ask } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { all } from "../../app/live.ts";
import { namesOf } from "../../app/names.ts";
import { notePlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { Button, Problem } from "../../ui/controls.tsx";
import { Ago, Avatar, Badge } from "../../ui/shown.tsx";
import { NoteContent } from "./Content.tsx";
import { isOn } from "./of_place.ts";
import { noteThreads } from "./threads.ts";

const PAGE = 50;
interface Page {
  items: AnnotationData[];
  next: string | null;
}

export function Elsewhere({ entity }: { entity: EntityRef }) {
  const attempt = useAttempt();
  const read = useSignal<AnnotationData[] | null>(null);
  const next = useSignal<string | null>(`/api/v1/annotations?entity=${entity.type}:${entity.id}&inSession=true&limit=${PAGE}`);
  // Those of sessions that are followed are live.
  const live = useComputed(() => [...all("annotation").values()].filter((note) => note.sessionId !== null && isOn(note, entity)));
  const load = () => attempt.run(async () => {
    if (next.value === null) return;
    const page = await ask<Page>(next.value);
    read.value = [...read.value ?? [], ...page.items];
    next.value = page.next;
  });
  const notes = new Map([...read.value ?? [], ...live.value].map((note) => [note.id, note]));
  const threads = noteThreads(notes.values(), { newestFirst: true });
  return (
    <details class="notes-elsewhere" onToggle={({ currentTarget }) => currentTarget.open && read.value === null && void load()}>
      <summary>From meetings{threads.length > 0 && ` (${threads.length}${next.value ? "+" : ""})`}</summary>
      {read.value && threads.length === 0 && <p class="notes-none soft">No meeting that you may follow has pinned a note here.</p>}
      <ol class="notes-threads">
        {threads.map(({ note, replies }) => (
          <li key={note.id} class="notes-thread">
            <article class="notes-note" aria-label={`Note by ${note.authorName}`}>
              <header class="row small">
                <Avatar id={note.authorId} name={note.authorName} />
                <b>{note.authorName}</b>
                <span class="soft"><Ago at={note.createdAt} /></span>
                {note.resolvedAt !== null && <Badge tone="good">resolved</Badge>}
              </header>
              <NoteContent note={note} names={namesOf(note.mentions)} />
              <p class="small"><Link to={notePlace(note)}>In its session</Link>{replies.length > 0 && <span class="soft">, with {replies.length} {replies.length === 1 ? "answer" : "answers"}</span>}</p>
            </article>
          </li>
        ))}
      </ol>
      <Problem says={attempt.problem} />
      {(attempt.busy || (next.value && read.value)) && <Button busy={attempt.busy} onClick={() => void load()}>More</Button>}
      {attempt.problem && !read.value && <Button onClick={() => void load()}>Try again</Button>}
    </details>
  );
}
