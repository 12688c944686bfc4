// A moment of a meeting in plain panels: who was there, what the KPIs showed, which notes there were.

import type { AnnotationData } from "@bos/client";
import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { kpiPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { alphabet, isOnTarget } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import { Avatar, Badge, Figure } from "../../ui/shown.tsx";
import { NoteContent } from "../notes/Content.tsx";
import type { Kpis } from "./Playback.tsx";
import type { Moment, Recording } from "./recording.ts";

type Now = ReadonlySignal<Moment>;

export function PeopleThen({ now }: { now: Now }) {
  const { people, hasEnded } = now.value;
  return (
    <section class="panel" aria-labelledby="replay-people" data-people-then>
      <header>
        <h2 id="replay-people">People then</h2>
        {hasEnded && <Badge>The meeting has ended</Badge>}
      </header>
      {people.length === 0 ? <p class="soft">Nobody.</p> : (
        <ul class="row">
          {people.map(({ userId, name, state, isHost }) => (
            <li key={userId} class="replay-person" data-person={userId}>
              <Avatar id={userId} name={name} state={state} />
              <span>{name}{isHost && <span class="soft">, host</span>}{state !== "active" && <span class="soft">, {state}</span>}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const FEW = 20;

/** The KPIs whose value changed in the meeting: then, at its beginning, and now. */
export function ValuesThen({ recording, now, kpis }: { recording: Recording; now: Now; kpis: Kpis }) {
  const all = useSignal(false);
  const changed = useComputed(() => {
    const known = kpis.value;
    const found = [...recording.tracks.values.keys()].map((id) => known.get(id)).filter((kpi) => kpi !== undefined);
    return found.sort((a, b) => alphabet.compare(a.name, b.name));
  });
  const shown = all.value ? changed.value : changed.value.slice(0, FEW);
  const { values } = now.value;
  return (
    <section class="panel" aria-labelledby="replay-values" data-values-then>
      <header><h2 id="replay-values">Values then</h2></header>
      {shown.length === 0 ? <p class="soft">No KPI that you may see changed in this meeting.</p> : (
        <div class="scrolls" role="group" aria-labelledby="replay-values" tabIndex={0}>
          <table>
            <thead><tr><th scope="col">KPI</th><th scope="col" class="replay-number">Then</th><th scope="col" class="replay-number">At the beginning</th><th scope="col" class="replay-number">Now</th></tr></thead>
            <tbody>
              {shown.map((kpi) => {
                const then = values.get(kpi.id) ?? null;
                const begin = recording.start.get(kpi.id) ?? null;
                const isOn = isOnTarget({ ...kpi, value: then });
                return (
                  <tr key={kpi.id} data-kpi={kpi.id}>
                    <th scope="row"><Link to={kpiPlace(kpi.id)}>{kpi.name}</Link></th>
                    <td class="replay-number" data-then>
                      {isOn !== null && <Badge tone={isOn ? "good" : "warning"} title="By the target of today">{isOn ? "on target" : "off target"}</Badge>}{" "}
                      <ValueThen value={then} unit={kpi.unit} />
                    </td>
                    <td class="replay-number"><Figure value={begin} /></td>
                    <td class="replay-number" data-now><Figure value={kpi.value} /></td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {changed.value.length > shown.length && <Button kind="plain" onClick={() => all.value = true}>Show all {changed.value.length}</Button>}
      {shown.length > 0 && <p class="small soft">Now is as of when this was opened. Names and targets are those of today.</p>}
    </section>
  );
}

/** The value, lit up for a moment when another one comes. */
function ValueThen({ value, unit }: { value: number | null; unit: string }) {
  const shown = useRef({ value, isNew: false });
  if (shown.current.value !== value) shown.current = { value, isNew: true };
  return <b key={value} class={shown.current.isNew ? "changed" : ""}><Figure value={value} unit={unit} /></b>;
}

interface NotesProps {
  now: Now;
  names: ReadonlyMap<string, string>;
  kpis: Kpis;
}

export function NotesThen({ now, names, kpis }: NotesProps) {
  const { notes } = now.value;
  const there = new Set(notes.map(({ id }) => id));
  const replies = Map.groupBy(notes, ({ parentId }) => parentId !== null && there.has(parentId) ? parentId : "");
  const draw = (note: AnnotationData) => {
    const answers = replies.get(note.id) ?? [];
    return (
      <li key={note.id} data-note={note.id}>
        <Note note={note} names={names} about={note.entity?.type === "kpi" ? kpis.value.get(note.entity.id)?.name : undefined} />
        {answers.length > 0 && <ol class="replay-answers">{answers.map(draw)}</ol>}
      </li>
    );
  };
  return (
    <section class="panel" aria-labelledby="replay-notes" data-notes-then>
      <header><h2 id="replay-notes">Notes then</h2></header>
      {notes.length === 0 ? <p class="soft">None.</p> : <ol class="replay-notes">{(replies.get("") ?? []).map(draw)}</ol>}
    </section>
  );
}

function Note({ note, names, about }: { note: AnnotationData; names: ReadonlyMap<string, string>; about?: string }) {
  const name = names.get(note.authorId) ?? note.authorName;
  return (
    <article class="replay-a-note">
      <p class="row">
        <Avatar id={note.authorId} name={name} />
        <b>{name}</b>
        {about && <span class="soft">on {about}</span>}
        {note.revision > 1 && note.resolvedAt === null && <span class="soft small">changed</span>}
        {note.resolvedAt !== null && <Badge tone="good">resolved{note.resolvedBy && ` by ${names.get(note.resolvedBy) ?? "somebody"}`}</Badge>}
      </p>
      <NoteContent note={note} names={note.mentions.map((id) => names.get(id) ?? "").filter(Boolean)} />
    </article>
  );
}
