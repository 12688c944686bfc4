// A note with its answers. A resolved one is folded; so are the earlier ones of many answers.

import type { AnnotationData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { nameOf } from "../../app/names.ts";
import { Button } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Ago } from "../../ui/shown.tsx";
import { Composer, type Said } from "./Composer.tsx";
import { briefly } from "./contents.ts";
import { closeForm, draftOf, type Form, isOpen } from "./forms.ts";
import { Note } from "./Note.tsx";
import { mentionableIn, type Place } from "./of_place.ts";
import type { NoteThread } from "./threads.ts";

const MOST_REPLIES = 6;
const LAST_REPLIES = 3;

interface Props {
  thread: NoteThread;
  place: Place;
  /** The id of the note that the address leads to, if it is here. */
  target: string;
}

export function Thread({ thread: { note, replies }, place, target }: Props) {
  const isUnfolded = useSignal(false);
  const answer: Form = { kind: "answer", noteId: note.id };
  const hasTarget = [note, ...replies].some(({ id }) => id === target);
  const isFolded = note.resolvedAt !== null && !isUnfolded.value && !hasTarget && !isOpen(answer);
  if (isFolded) return <li class="notes-thread" data-thread={note.id} data-folded><Folded note={note} replies={replies.length} onUnfold={() => isUnfolded.value = true} /></li>;
  return (
    <li class="notes-thread" data-thread={note.id}>
      {note.resolvedAt !== null && <Resolved note={note} onFold={hasTarget ? undefined : () => isUnfolded.value = false} />}
      <Note note={note} place={place} root={note} isTarget={note.id === target} />
      {replies.length > 0 && <Replies note={note} replies={replies} place={place} target={target} />}
      {isOpen(answer) && <Answer note={note} place={place} form={answer} />}
    </li>
  );
}

function Folded({ note, replies, onUnfold }: { note: AnnotationData; replies: number; onUnfold: () => void }) {
  return (
    <button type="button" class="notes-folded" aria-expanded={false} onClick={onUnfold}>
      <Icon name="right" />
      <span class="grow"><b>{note.authorName}</b>: {briefly(note)}</span>
      <span class="small soft">{replies > 0 && `${replies} ${replies === 1 ? "answer" : "answers"}, `}resolved by {nameOf(note.resolvedBy)}</span>
    </button>
  );
}

function Resolved({ note, onFold }: { note: AnnotationData; onFold?: () => void }) {
  return (
    <p class="notes-resolved small row">
      <Icon name="check" /> <span class="grow">Resolved by {nameOf(note.resolvedBy)} <Ago at={note.resolvedAt ?? note.updatedAt} /></span>
      {onFold && <Button kind="plain" icon="down" aria-expanded onClick={onFold}>Fold</Button>}
    </p>
  );
}

function Replies({ note, replies, place, target }: { note: AnnotationData } & Omit<Props, "thread"> & { replies: readonly AnnotationData[] }) {
  const showsAll = useSignal(false);
  const isLong = replies.length > MOST_REPLIES && !showsAll.value && !replies.some(({ id }) => id === target);
  const shown = isLong ? replies.slice(-LAST_REPLIES) : replies;
  return (
    <ol class="notes-replies">
      {isLong && <li><Button kind="plain" icon="up" onClick={() => showsAll.value = true}>{replies.length - LAST_REPLIES} earlier answers</Button></li>}
      {shown.map((reply) => <li key={reply.id}><Note note={reply} place={place} root={note} isTarget={reply.id === target} /></li>)}
    </ol>
  );
}

function Answer({ note, place, form }: { note: AnnotationData; place: Place; form: Form }) {
  const sent = (said: Said) => {
    const { sessionId, entity, position, id: parentId } = note;
    return { type: "ANNOTATION_CREATE" as const, payload: { ...said, sessionId, entity, position, parentId } };
  };
  return <div class="notes-answer"><Composer name={draftOf(form)} label={`Answer to ${note.authorName}`} action="Answer" people={mentionableIn(place)} sent={sent} onClose={() => closeForm(form)} /></div>;
}
