// One note: who, when, what it says, and what the user may do with it.

import type { AnnotationData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Attempt, useAttempt } from "../../app/attempt.ts";
import { bos } from "../../app/connection.ts";
import { draft } from "../../app/drafts.ts";
import { entity } from "../../app/live.ts";
import { namesOf } from "../../app/names.ts";
import { departmentPlace, kpiPlace, notePlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { Button, Dialog, Menu, Problem } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Ago, Avatar, Badge } from "../../ui/shown.tsx";
import { tell } from "../../ui/told.tsx";
import { Composer, type Said } from "./Composer.tsx";
import { NoteContent } from "./Content.tsx";
import { briefly } from "./contents.ts";
import { closeForm, draftOf, type Form, isOpen, openForm } from "./forms.ts";
import { mayAnswer, mayDelete, mayEdit, mayResolve, mentionableIn, notesIn, type Place } from "./of_place.ts";
import { noteProblem } from "./sending.ts";
import { countBelow } from "./threads.ts";
import { takenUp, writtenOf } from "./written.ts";

interface Props {
  note: AnnotationData;
  place: Place;
  /** Where its thread begins: an answer is to that. */
  root: AnnotationData;
  isTarget: boolean;
}

export function Note({ note, place, root, isTarget }: Props) {
  const article = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!isTarget) return;
    // After the frame, which gives a new view's heading the focus.
    const later = requestAnimationFrame(() => {
      article.current?.scrollIntoView({ block: "center" });
      article.current?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(later);
  }, [isTarget]);
  const attempt = useAttempt();
  const change: Form = { kind: "change", noteId: note.id };
  const mentioned = namesOf(note.mentions);
  const unnamed = note.contentType === "text" || note.contentType === "markdown" ? mentioned.filter((name) => !note.content.includes(`@${name}`)) : mentioned;
  return (
    <article class="notes-note" data-note={note.id} data-target={isTarget || undefined} aria-current={isTarget || undefined} aria-label={`Note by ${note.authorName}`} tabIndex={-1} ref={article}>
      <header class="row small">
        <Avatar id={note.authorId} name={note.authorName} />
        <b>{note.authorName}</b>
        <span class="soft"><Ago at={note.createdAt} /></span>
        {isChanged(note) && <span class="soft" title={`Changed ${note.revision - 1} times`}>changed <Ago at={note.updatedAt} /></span>}
        <On note={note} place={place} />
        {note.entityArchived && !place.entity && <Badge tone="warning">archived</Badge>}
        <span class="notes-more"><More note={note} place={place} attempt={attempt} /></span>
      </header>
      {isOpen(change) && mayEdit(note) ? <Change note={note} place={place} form={change} /> : (
        <>
          <NoteContent note={note} names={mentioned} />
          {unnamed.length > 0 && <p class="small soft">To {unnamed.join(", ")}</p>}
          <Actions note={note} place={place} root={root} attempt={attempt} />
        </>
      )}
      <Problem says={attempt.problem} />
    </article>
  );
}

/** Resolved and nothing else is no change of what it says. */
function isChanged({ revision, resolvedAt }: AnnotationData): boolean {
  return revision > (resolvedAt === null ? 1 : 2);
}

/** What it is pinned to, where that is not plain from the place. */
function On({ note: { entity: pinned }, place }: { note: AnnotationData; place: Place }) {
  const shown = [];
  if (pinned && !place.entity) {
    const kpi = pinned.type === "kpi" ? entity("kpi", pinned.id) : undefined;
    const department = pinned.type === "department" ? entity("department", pinned.id) : undefined;
    if (kpi) shown.push(<Link key="thing" to={kpiPlace(kpi.id)}>{kpi.name}</Link>);
    if (department) shown.push(<Link key="thing" to={departmentPlace(department.id)}>{department.name}</Link>);
  }
  return shown.length > 0 ? <span class="notes-on"><Icon name="pin" /> on {shown}</span> : null;
}

// ---------------------------------------------------------------- what can be done

interface DoneProps {
  note: AnnotationData;
  place: Place;
  attempt: Attempt;
}

/** Do it, and say what a refusal means of a note. */
function act(attempt: Attempt, request: () => Promise<unknown>): Promise<boolean> {
  return attempt.run(() => request().catch((error) => Promise.reject(new Error(noteProblem(error)))));
}

/** What is wanted often. */
function Actions({ note, place, root, attempt }: DoneProps & { root: AnnotationData }) {
  const isResolved = note.resolvedAt !== null;
  const resolves = note === root && mayResolve(note);
  const resolve = async (resolved: boolean) => {
    const done = await act(attempt, () => bos().request("ANNOTATION_RESOLVE", { annotationId: note.id, resolved }));
    if (done) tell(resolved ? "The note is resolved." : "The note is open again.", { label: "Undo", run: () => void resolve(!resolved) });
  };
  if (!mayAnswer(note) && !resolves) return null;
  return (
    <div class="notes-actions">
      {mayAnswer(note) && <Button kind="plain" icon="reply" onClick={() => openForm(place, { kind: "answer", noteId: root.id })}>Answer</Button>}
      {resolves && <Button kind="plain" icon="check" busy={attempt.busy} onClick={() => void resolve(!isResolved)}>{isResolved ? "Open again" : "Resolve"}</Button>}
    </div>
  );
}

/** What is wanted now and then. */
function More({ note, place, attempt }: DoneProps) {
  const asks = useSignal(false);
  const begun = writtenOf(note);
  const remove = async () => {
    asks.value = false;
    if (await act(attempt, () => bos().request("ANNOTATION_DELETE", { annotationId: note.id }))) tell("The note is deleted.");
  };
  return (
    <>
      <Menu label={`More about the note by ${note.authorName}`} button={<Icon name="more" />}>
        <button type="button" onClick={() => void copyLink(note)}><Icon name="link" /> Copy link</button>
        {begun && mayEdit(note) && <button type="button" onClick={() => openForm(place, { kind: "change", noteId: note.id }, begun)}><Icon name="edit" /> Change</button>}
        {mayDelete(note) && <button type="button" onClick={() => asks.value = true}><Icon name="bin" /> Delete</button>}
      </Menu>
      {asks.value && <DeleteQuestion note={note} place={place} onClose={() => asks.value = false} onDelete={() => void remove()} />}
    </>
  );
}

function DeleteQuestion({ note, place, onClose, onDelete }: { note: AnnotationData; place: Place; onClose: () => void; onDelete: () => void }) {
  const replies = countBelow(note, notesIn(place));
  const also = replies === 0 ? "" : replies === 1 ? " The answer to it goes with it." : ` The ${replies} answers to it go with it.`;
  return (
    <Dialog title="Delete this note?" onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), onDelete())}>
        <p>“{briefly(note)}”, by {note.authorName}, is gone for everybody.{also}</p>
        <footer>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" type="submit">Delete</Button>
        </footer>
      </form>
    </Dialog>
  );
}

async function copyLink(note: AnnotationData): Promise<void> {
  const address = `${location.origin}${notePlace(note)}`;
  try {
    await navigator.clipboard.writeText(address);
    tell("The link is copied.");
  } catch {
    tell(`The browser does not let the page copy. The link: ${address}`);
  }
}

/** In place of what it says while it is changed. */
function Change({ note, place, form }: { note: AnnotationData; place: Place; form: Form }) {
  const name = draftOf(form);
  const since = takenUp(draft(name).value).revision ?? note.revision;
  const sent = ({ content, contentType, mentions }: Said) => ({ type: "ANNOTATION_UPDATE" as const, payload: { annotationId: note.id, content, contentType, mentions } });
  const hint = note.revision > since ? "The note was changed meanwhile: what is saved here replaces that." : undefined;
  return <Composer name={name} label="Change the note" action="Save" people={mentionableIn(place)} sent={sent} hint={hint} onClose={() => closeForm(form)} />;
}
