// Notes by where they are, who may do what with them, and who can be mentioned there.

import type { AnnotationData, EntityRef, SessionData } from "@bos/client";
import { computed } from "@preact/signals";
import { user } from "../../app/connection.ts";
import { all, entity } from "../../app/live.ts";
import { people, type Person } from "../../app/names.ts";
import { isAdmin, isManager, isOwnNote, mayWriteNotes } from "../../app/rights.ts";

/** The notes on a thing, those of a session, or those of a session that are pinned to a thing. */
export interface Place {
  entity?: EntityRef;
  sessionId?: string;
}

const byPlace = computed(() => Map.groupBy(all("annotation").values(), (note) => nameOf({ sessionId: note.sessionId ?? undefined, entity: note.entity ?? undefined })));

/** A name for each place, as of drafts. */
export function nameOf({ entity: thing, sessionId }: Place): string {
  return sessionId ? `session ${sessionId}` : `${thing?.type} ${thing?.id}`;
}

/** The notes that are in a place. */
export function notesIn(place: Place): readonly AnnotationData[] {
  const notes = byPlace.value.get(nameOf(place)) ?? [];
  const { sessionId, entity: thing } = place;
  return sessionId && thing ? notes.filter((note) => isOn(note, thing)) : notes;
}

export function isOn({ entity: pinned }: Pick<AnnotationData, "entity">, { type, id }: EntityRef): boolean {
  return pinned?.type === type && pinned.id === id;
}

/** The session, as far as it is known; only those who follow an ended one know it. */
function sessionOf(note: Pick<AnnotationData, "sessionId">): SessionData | undefined {
  return note.sessionId === null ? undefined : entity("session", note.sessionId);
}

const presentIn = computed(() => Map.groupBy(all("participant").values(), ({ sessionId }) => sessionId));

export function isInSession(sessionId: string): boolean {
  return (presentIn.value.get(sessionId) ?? []).some(({ userId }) => userId === user.value?.id);
}

// ---------------------------------------------------------------- who may do what (decisions C5, C7, C8)

/** In a session that runs, only those who take part change anything. */
function isInside(note: AnnotationData): boolean {
  if (note.sessionId === null) return true;
  const session = sessionOf(note);
  return session !== undefined && (session.endedAt !== null || isInSession(session.id));
}

export const isHost = (note: AnnotationData) => sessionOf(note)?.hostId === user.value?.id;
export const mayAnswer = (note: AnnotationData) => mayWriteNotes() && isInside(note) && !(note.entityArchived && note.sessionId === null);
export const mayEdit = (note: AnnotationData) => isInside(note) && (isOwnNote(note) || isHost(note));
export const mayResolve = (note: AnnotationData) => mayEdit(note) || (isInside(note) && isManager());
export const mayDelete = (note: AnnotationData) => mayEdit(note) || (isAdmin() && isInside(note) && !(note.sessionId !== null && sessionOf(note)?.endedAt === null));

/** Whether a thread can be begun; else why not, in words, or "" where nothing needs to be said. */
export function mayBegin({ sessionId, entity: thing }: Place): true | string {
  if (!mayWriteNotes()) return "";
  if (sessionId) {
    const session = entity("session", sessionId);
    if (session?.endedAt) return "This session has ended: its notes can still be answered.";
    return isInSession(sessionId) ? true : "Join the session to write notes in it.";
  }
  return thing && isThere(thing) ? true : "";
}

function isThere({ type, id }: EntityRef): boolean {
  return type === "department" ? entity("department", id) !== undefined : entity("kpi", id) !== undefined;
}

// ---------------------------------------------------------------- people

/** The people who may be mentioned in a place, as far as the page can tell: the server decides. */
export function mentionableIn({ sessionId }: Place): readonly Person[] {
  const others = people.value.filter(({ id }) => id !== user.value?.id);
  if (sessionId) {
    const known = new Set([entity("session", sessionId)?.hostId, ...(presentIn.value.get(sessionId) ?? []).map(({ userId }) => userId)]);
    for (const { authorId } of notesIn({ sessionId })) known.add(authorId);
    return others.filter(({ id }) => known.has(id));
  }
  return others;
}
