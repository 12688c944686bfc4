// The forms that are open in a place: answers and changes. What is in them stays when their note goes.

import { signal } from "@preact/signals";
import { draft } from "../../app/drafts.ts";
import { nameOf, type Place } from "./of_place.ts";
import { nothing, type Written } from "./written.ts";

export type Kind = "answer" | "change";
export interface Form {
  kind: Kind;
  noteId: string;
}

/** Of the form that the user has opened last: it takes the focus. */
export const opened = signal("");

export const newNoteIn = (place: Place) => `note in ${nameOf(place)}`;
export const draftOf = ({ kind, noteId }: Form) => `${kind} of note ${noteId}`;

/** Whether it is open: an open one has a draft, be it of nothing. */
export const isOpen = (form: Form) => draft(draftOf(form)).value !== "";

const openIn = (place: Place) => draft(`forms in ${nameOf(place)}`);

export function openForm(place: Place, form: Form, written: Written = nothing): void {
  const others = formsIn(place).filter(({ kind, noteId }) => kind !== form.kind || noteId !== form.noteId);
  openIn(place).value = [...others, form].map(({ kind, noteId }) => `${kind} ${noteId}`).join("\n");
  const name = draftOf(form);
  if (!draft(name).peek()) draft(name).value = JSON.stringify(written);
  opened.value = name;
}

/** Close it, and forget what is in it. The note it was of takes the focus. */
export function closeForm(form: Form): void {
  draft(draftOf(form)).value = "";
  opened.value = "";
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-note="${CSS.escape(form.noteId)}"]`)?.focus({ preventScroll: true }));
}

/** Forms in a place that are open still. */
export function formsIn(place: Place): Form[] {
  const entries = openIn(place).value.split("\n").filter(Boolean).map((entry) => entry.split(" "));
  return entries.map(([kind, noteId]): Form => ({ kind: kind === "change" ? "change" : "answer", noteId: noteId ?? "" })).filter(isOpen);
}
