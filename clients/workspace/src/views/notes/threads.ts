// Notes as threads: what was begun with, and all that was answered to it. Pure.

import type { AnnotationData } from "@bos/client";
import { wordsOf } from "./contents.ts";

export interface NoteThread {
  note: AnnotationData;
  /** Answers, and answers to those, oldest first. */
  replies: readonly AnnotationData[];
}

export type Shown = "open" | "resolved" | "all";

export interface Wanted {
  shown?: Shown;
  /** Has this in what it says, or in whoever has written it. */
  search?: string;
  newestFirst?: boolean;
  /** Ids of notes whose threads are there whatever else is wanted. */
  always?: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** Whether one of these notes is in the thread. */
export function isAmong({ note, replies }: NoteThread, ids: ReadonlySet<string>): boolean {
  return ids.has(note.id) || replies.some(({ id }) => ids.has(id));
}

/** The threads of these notes. An answer to what is not there begins one. */
export function noteThreads(notes: Iterable<AnnotationData>, { shown = "all", search = "", newestFirst = false, always = NONE }: Wanted = {}): NoteThread[] {
  const words = search.trim().toLocaleLowerCase();
  const isWanted = (thread: NoteThread) => {
    const { note, replies } = thread;
    if (isAmong(thread, always)) return true;
    if (shown !== "all" && (note.resolvedAt !== null) !== (shown === "resolved")) return false;
    return !words || [note, ...replies].some((one) => `${one.authorName}\n${wordsOf(one)}`.toLocaleLowerCase().includes(words));
  };
  const threads = gather(notes).filter(isWanted).sort((a, b) => byAge(a.note, b.note));
  return newestFirst ? threads.reverse() : threads;
}

function gather(notes: Iterable<AnnotationData>): NoteThread[] {
  const byId = new Map([...notes].map((note) => [note.id, note]));
  const replies = new Map<string, AnnotationData[]>();
  for (const note of byId.values()) {
    const root = rootOf(note, byId);
    const own = replies.get(root.id) ?? [];
    if (root !== note) own.push(note);
    replies.set(root.id, own);
  }
  return [...replies].map(([id, own]) => ({ note: byId.get(id) as AnnotationData, replies: own.sort(byAge) }));
}

/** Where the thread of a note begins. */
export function rootOf(note: AnnotationData, byId: ReadonlyMap<string, AnnotationData>): AnnotationData {
  const passed = new Set<string>();
  let root = note;
  for (let parent = parentOf(root, byId); parent && !passed.has(parent.id); parent = parentOf(root, byId)) {
    passed.add(root.id);
    root = parent;
  }
  return root;
}

function parentOf({ parentId }: AnnotationData, byId: ReadonlyMap<string, AnnotationData>): AnnotationData | undefined {
  return parentId === null ? undefined : byId.get(parentId);
}

/** Times on the wire are whole seconds: what came first decides between two of the same one. */
function byAge(a: AnnotationData, b: AnnotationData): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt);
}

/** How many answers go with a note: those to it, and those to them. */
export function countBelow(note: AnnotationData, notes: Iterable<AnnotationData>): number {
  const byId = new Map([...notes].map((one) => [one.id, one]));
  let count = 0;
  for (const one of byId.values()) {
    const passed = new Set<string>();
    for (let above = parentOf(one, byId); above && !passed.has(above.id); above = parentOf(above, byId)) {
      passed.add(above.id);
      if (above.id === note.id) count += 1;
    }
  }
  return count;
}
