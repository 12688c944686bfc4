// The notes on a thing, or of a session.

import type { AnnotationData, EntityRef, Position } from "@bos/client";
import { useEffect } from "preact/hooks";
import { isComplete, onMessage, user } from "../../app/connection.ts";
import { useFollowed } from "../../app/followed.ts";
import { entity as found } from "../../app/live.ts";
import { notePlace } from "../../app/places.ts";
import { preference } from "../../app/preferences.ts";
import { mayWriteNotes } from "../../app/rights.ts";
import { choose, chosen, Link } from "../../app/router.tsx";
import { Button, SearchBox, Segments, Select } from "../../ui/controls.tsx";
import { Loading } from "../../ui/shown.tsx";
import { announce } from "../../ui/told.tsx";
import { Composer, type Said } from "./Composer.tsx";
import { briefly } from "./contents.ts";
import { Elsewhere } from "./Elsewhere.tsx";
import { closeForm, draftOf, type Form, formsIn, newNoteIn } from "./forms.ts";
import { isInSession, mayBegin, mentionableIn, nameOf, notesIn, type Place } from "./of_place.ts";
import { pinIn, type Pinned, PinnedTo, pinnedIn } from "./pinned.tsx";
import { useTarget } from "./target.ts";
import { Thread } from "./Thread.tsx";
import { isAmong, noteThreads, type NoteThread, type Shown } from "./threads.ts";

const AT_ONCE = 40;
const FEW = 3;
const ORIGIN = { x: 0, y: 0, z: 0 };

interface Props {
  entity?: EntityRef;
  sessionId?: string;
  position?: () => Position;
}

/** The notes on a thing, or of a session: to read, write, answer, mention, resolve, change and delete.
 *
 * Both: those of the session that are pinned to the thing. Brings the note of the address's `?note=`
 * into view. position: where a new note is in space, unless it is pinned elsewhere.
 */
export function Notes({ entity, sessionId, position }: Props) {
  const place: Place = { entity, sessionId };
  return <Panel key={nameOf(place) + (entity?.id ?? "")} place={place} position={position} />;
}

function Panel({ place, position }: { place: Place; position?: () => Position }) {
  const followed = useFollowed(channelOf(place));
  const notes = notesIn(place);
  const target = chosen("note");
  const isHere = notes.some((note) => note.id === target);
  const isThere = isComplete.value && followed.isComplete;
  const led = useTarget(target, isHere, isThere);
  useEffect(() => onMessage(({ type, payload }) => {
    if (type !== "ANNOTATION_CREATED" || payload.authorId === user.peek()?.id) return;
    if (notesIn(place).some((note) => note.id === payload.annotationId)) announce(`Note by ${payload.authorName}: ${briefly(payload)}`);
  }), []);
  const isClosed = followed.problem !== "" && notes.length === 0 && closedTo(place) !== null;
  return (
    <div class="panel notes" data-notes={nameOf(place)}>
      <header><h2>Notes</h2></header>
      {place.entity && notes.some(isOfArchived) && <p class="small soft">This is archived: its notes stay, and nobody adds one.</p>}
      {!isClosed && <Begin place={place} position={position} isThere={isThere} />}
      <Left place={place} position={position} isThere={isThere} />
      {led.says && (
        <p class="notes-led small" role="status">
          {led.says} {led.elsewhere && <Link to={notePlace(led.elsewhere)}>Go there</Link>} <Button kind="plain" onClick={() => choose({ note: "" })}>Dismiss</Button>
        </p>
      )}
      {!isThere && notes.length === 0 && <Loading what="the notes" />}
      {isClosed && <p class="soft">{closedTo(place)}</p>}
      {(notes.length > 0 || (isThere && !isClosed)) && <List place={place} target={isHere ? target : ""} />}
      {place.entity && !place.sessionId && <Elsewhere entity={place.entity} />}
    </div>
  );
}

/** What brings the notes: a session's, a department's, and those of a KPI that only its owner sees; others come anyway. */
function channelOf({ entity, sessionId }: Place): string {
  if (sessionId) return `session:${sessionId}`;
  if (entity?.type === "department") return `department:${entity.id}`;
  return entity?.type === "kpi" && isComplete.value && !found("kpi", entity.id) ? `kpi:${entity.id}` : "";
}

/** Says to whom a place shows its notes, for a user who is refused its channel; null where other channels bring them. */
function closedTo({ entity, sessionId }: Place): string | null {
  if (sessionId) return isInSession(sessionId) ? null : "Its notes are shown to those who take part in the session, and to the invited.";
  return entity?.type === "department" ? "Its notes are shown to those who work in the department, and to managers." : null;
}

const isOfArchived = ({ sessionId, entityArchived }: AnnotationData) => sessionId === null && entityArchived;

// ---------------------------------------------------------------- writing

const newNote = (place: Place, position?: () => Position) => (said: Said) => ({
  type: "ANNOTATION_CREATE" as const,
  payload: { ...said, sessionId: place.sessionId ?? null, ...whereIn(place, position) },
});

/** In a session, where it was chosen in space; else where the user has pointed last. */
function whereIn({ sessionId, entity }: Place, position?: () => Position): Pinned {
  return (sessionId && pinnedIn(sessionId)) || { entity: entity ?? null, position: position?.() ?? ORIGIN };
}

function Begin({ place, position, isThere }: { place: Place; position?: () => Position; isThere: boolean }) {
  const may = mayBegin(place);
  if (may !== true) return isThere && may ? <p class="small soft">{may}</p> : null;
  const { sessionId } = place;
  const done = () => {
    if (sessionId) pinIn(sessionId, null);
    showAll();
  };
  return (
    <>
      {sessionId && <PinnedTo sessionId={sessionId} />}
      <Composer name={newNoteIn(place)} label="New note" action="Add note" people={mentionableIn(place)} sent={newNote(place, position)} onDone={done} />
    </>
  );
}

/** What has just been written is among what is shown. */
function showAll(): void {
  if (chosen("notes") === "resolved" || chosen("notes-search")) choose({ notes: "", "notes-search": "" });
}

/** Answers to, and changes of, notes that are gone: what was typed is kept, and may become a note of its own. */
function Left({ place, position, isThere }: { place: Place; position?: () => Position; isThere: boolean }) {
  const ids = new Set(notesIn(place).map(({ id }) => id));
  const left = isThere && mayWriteNotes() ? formsIn(place).filter(({ noteId }) => !ids.has(noteId)) : [];
  return <>{left.map((form) => <LeftForm key={draftOf(form)} form={form} place={place} position={position} />)}</>;
}

function LeftForm({ form, place, position }: { form: Form; place: Place; position?: () => Position }) {
  const what = form.kind === "answer" ? "The note that you were answering has been deleted." : "The note that you were changing has been deleted.";
  return (
    <div class="notes-left" data-left={form.noteId}>
      <p class="small" role="status"><b>{what}</b> What you wrote is kept: add it as a note of its own, or cancel.</p>
      <Composer name={draftOf(form)} label="Your text" action="Add as a note" people={mentionableIn(place)} sent={newNote(place, position)} onClose={() => closeForm(form)} />
    </div>
  );
}

// ---------------------------------------------------------------- reading

const SHOWN: readonly Shown[] = ["open", "resolved", "all"];
const newestFirst = () => preference("notes, newest first");

function List({ place, target }: { place: Place; target: string }) {
  const shown = SHOWN.find((one) => one === chosen("notes")) ?? "open";
  const search = chosen("notes-search");
  const order = newestFirst();
  const isNewestFirst = order.value !== "no";
  const all = noteThreads(notesIn(place));
  const always = new Set([target, ...formsIn(place).map(({ noteId }) => noteId)]);
  const threads = noteThreads(notesIn(place), { shown, search, newestFirst: isNewestFirst, always });
  const counts = { all: all.length, resolved: all.filter(({ note }) => note.resolvedAt !== null).length };
  const countOf = (one: Shown) => one === "open" ? counts.all - counts.resolved : counts[one];
  if (all.length === 0) return <p class="notes-none soft">{mayBegin(place) === true ? "No notes yet. What you write here is seen by everybody who sees this." : "No notes yet."}</p>;
  return (
    <>
      <div class="row">
        <Segments label="Which notes" value={shown} onChoose={(one) => choose({ notes: one === "open" ? "" : one })} options={SHOWN.map((one) => ({ value: one, label: `${one[0]?.toUpperCase()}${one.slice(1)} ${countOf(one)}` }))} />
        {counts.all > FEW && <SearchBox label="Search the notes" value={search} onSearch={(text) => choose({ "notes-search": text })} />}
        {counts.all > 1 && <Select label="Order" value={isNewestFirst ? "" : "no"} onChoose={(value) => order.value = value} options={[{ value: "", label: "Newest first" }, { value: "no", label: "Oldest first" }]} />}
      </div>
      {threads.length === 0 ? <p class="notes-none soft">{search ? "No note has this." : `No ${shown} notes.`}</p> : <Threads threads={threads} place={place} target={target} always={always} />}
    </>
  );
}

function Threads({ threads, place, target, always }: { threads: readonly NoteThread[]; place: Place; target: string; always: ReadonlySet<string> }) {
  const last = threads.findLastIndex((thread) => isAmong(thread, always));
  const many = Math.max(Number(chosen("notes-many")) || AT_ONCE, last + 1);
  return (
    <>
      <ol class="notes-threads">
        {threads.slice(0, many).map((thread) => <Thread key={thread.note.id} thread={thread} place={place} target={target} />)}
      </ol>
      {threads.length > many && <Button onClick={() => choose({ "notes-many": `${many + AT_ONCE}` })}>Show {Math.min(AT_ONCE, threads.length - many)} more of {threads.length - many}</Button>}
    </>
  );
}
