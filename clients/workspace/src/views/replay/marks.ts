// What happened in a meeting, in words and as places on its line of time.

import type { ReplayedEvent } from "@bos/client";
import { exactly } from "../../app/words.ts";
import { briefly } from "../notes/contents.ts";
import type { Recording, ValueChange } from "./recording.ts";

export const LANES = ["people", "notes", "values"] as const;
export type Lane = (typeof LANES)[number];

export interface Mark {
  key: string;
  lane: Lane;
  offset: number;
  /** Called for what is shown: there may be many thousands. */
  says: () => string;
}

/** What a KPI is called, and its unit. */
export type KpiNames = (kpiId: string) => { name: string; unit: string };

const LEFT_BECAUSE: Record<string, string> = { timeout: "lost the connection and left" };
const ENDED_BECAUSE: Record<string, string> = {
  host_left: "The host left: the meeting ended",
  empty: "Nobody was there any more: the meeting ended",
  admin: "The meeting was ended by an administrator",
};
const STATES: Record<string, string> = { active: "is back", idle: "is idle", disconnected: "lost the connection" };

/** All that happened, in order. */
export function marksOf(recording: Recording, kpi: KpiNames): Mark[] {
  const words = wordsFor(recording);
  const marks: Mark[] = [];
  for (const event of recording.events) {
    const said = words(event);
    if (said) marks.push({ key: `event ${event.sequence}`, offset: event.offset, lane: said.lane, says: () => said.text });
  }
  for (const [index, change] of recording.values.entries()) {
    marks.push({ key: `value ${index}`, lane: "values", offset: change.offset, says: () => ofValue(change, kpi) });
  }
  return marks.sort((a, b) => a.offset - b.offset);
}

function ofValue({ kpiId, value, before }: ValueChange, kpi: KpiNames): string {
  const { name, unit } = kpi(kpiId);
  const figure = (number: number) => `${exactly(number)}${unit && ` ${unit}`}`;
  return before === null ? `${name} is ${figure(value)}` : `${name}: ${figure(before)} → ${figure(value)}`;
}

/** Says each event in words, in their order: what a note's change was is seen by what it was before. */
function wordsFor({ names }: Recording): (event: ReplayedEvent) => { lane: Lane; text: string } | null {
  const notes = new Map<string, { says: string; revision: number; isResolved: boolean }>();
  const states = new Map<string, string>();
  let hostId = "";
  const name = (id: string | undefined) => names.get(id ?? "") ?? "Somebody";
  const ofPerson = ({ kind, userId = "", state = "active", reason }: ReplayedEvent): string | null => {
    const before = states.get(userId);
    if (kind === "left") states.delete(userId);
    else states.set(userId, state);
    if (kind === "joined") return `${name(userId)} joined`;
    if (kind === "left") return `${name(userId)} ${LEFT_BECAUSE[reason ?? ""] ?? "left"}`;
    return before === state ? null : `${name(userId)} ${STATES[state]}`;
  };
  const ofNote = ({ note, annotationId = "", userId }: ReplayedEvent): string | null => {
    if (!note) {
      const { says = "" } = notes.get(annotationId) ?? {};
      notes.delete(annotationId);
      return `${name(userId)} deleted a note: ${says}`;
    }
    const before = notes.get(note.id);
    const isResolved = note.resolvedAt !== null;
    const says = briefly(note);
    notes.set(note.id, { says, revision: note.revision, isResolved });
    if (!before) return `${name(note.authorId)} ${note.parentId ? "answered" : "noted"}: ${says}`;
    if (before.isResolved !== isResolved) return `${isResolved ? `${name(note.resolvedBy ?? "")} resolved` : "Opened again"}: ${says}`;
    if (before.revision === note.revision) return null; // its author is called otherwise now
    return `A note by ${name(note.authorId)} was changed: ${says}`;
  };
  return (event) => {
    const { kind, userId = "", reason = "" } = event;
    switch (kind) {
      case "started":
        hostId = userId;
        states.set(userId, "active");
        return { lane: "people", text: `${name(userId)} began the meeting` };
      case "host": {
        const isNew = hostId !== userId;
        hostId = userId;
        return isNew ? { lane: "people", text: `${name(userId)} is the host now` } : null;
      }
      case "ended":
        return { lane: "people", text: ENDED_BECAUSE[reason] ?? "The meeting ended" };
      case "note":
      case "noteDeleted":
        return said("notes", ofNote(event));
      default:
        return said("people", ofPerson(event));
    }
  };
}

function said(lane: Lane, text: string | null): { lane: Lane; text: string } | null {
  return text === null ? null : { lane, text };
}

/** As many places as can be told apart on a line. */
export const DETAIL = 500;

/** The marks of a lane as places on the line, each once: how far along, of `DETAIL`. */
export function placesOf(marks: readonly Mark[], lane: Lane, length: number): number[] {
  const places = marks.filter((mark) => mark.lane === lane).map(({ offset }) => Math.round((offset / length) * DETAIL));
  return [...new Set(places)];
}
