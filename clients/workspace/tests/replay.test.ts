import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnnotationData, Replay, ReplayedEvent } from "@bos/client";
import { marksOf, placesOf } from "../src/views/replay/marks.ts";
import { recordingOf, sceneAt, stepUntil } from "../src/views/replay/recording.ts";
import { advance, clock, movedBy, spoken } from "../src/views/replay/time.ts";

const FROM = "2026-11-24T14:00:00Z";
const MINUTE = 60_000;

function note(id: string, content: string, more: Partial<AnnotationData> = {}): AnnotationData {
  return {
    id, sessionId: "s", authorId: "mia", authorName: "Mia", position: { x: 0, y: 0, z: 0 }, content, contentType: "text", entity: null, parentId: null,
    revision: 1, createdAt: FROM, updatedAt: FROM, mentions: [], resolvedAt: null, resolvedBy: null, entityArchived: false, ...more,
  };
}

let sequence = 0;
function event(minute: number, kind: ReplayedEvent["kind"], more: Partial<ReplayedEvent> = {}): ReplayedEvent {
  return { kind, at: FROM, offset: minute * MINUTE, sequence: sequence += 1, ...more };
}

function page(more: Partial<Replay>): Replay {
  const people = [{ userId: "bob", userName: "Bob" }, { userId: "mia", userName: "Mia Park" }];
  const session = { sessionId: "s", title: "Review", hostId: "mia", activeSpace: "dashboard", createdAt: FROM, endedAt: "2026-11-24T14:10:00Z", people };
  return { session, from: FROM, to: "2026-11-24T14:10:00Z", complete: true, keptFrom: FROM, events: [], kpis: [], changes: [], next: null, ...more };
}

const meeting = recordingOf([
  page({
    events: [
      event(0, "started", { userId: "bob" }),
      event(1, "joined", { userId: "mia", userName: "Mia", state: "active", role: "participant" }),
      event(2, "note", { note: note("n", "first words") }),
      event(3, "note", { note: note("n", "better words", { revision: 2 }) }),
      event(3, "note", { note: note("a", "an answer", { parentId: "n", authorId: "bob", authorName: "Bob" }) }),
    ],
    kpis: [{ kpiId: "revenue", value: 100 }],
    next: "more",
  }),
  page({
    events: [
      event(4, "state", { userId: "mia", state: "disconnected" }),
      event(5, "note", { note: note("n", "better words", { revision: 3, resolvedAt: FROM, resolvedBy: "bob" }) }),
      event(6, "host", { userId: "mia" }),
      event(6, "left", { userId: "bob" }),
      event(7, "noteDeleted", { annotationId: "a", userId: "mia" }),
      event(10, "ended", { userId: "mia", reason: "host_left" }),
    ],
    kpis: [{ kpiId: "margin", value: null }],
    changes: [
      { kpiId: "revenue", value: 110, at: FROM, offset: 2 * MINUTE },
      { kpiId: "margin", value: 7, at: FROM, offset: 4 * MINUTE },
      { kpiId: "revenue", value: 120, at: FROM, offset: 8 * MINUTE },
    ],
  }),
]);

function seen(minute: number): unknown {
  const { people, notes, values, hasEnded } = sceneAt(meeting, minute * MINUTE);
  return {
    people: people.map(({ name, state, isHost }) => `${name} ${state}${isHost ? " host" : ""}`),
    notes: notes.map(({ content, resolvedAt }) => `${content}${resolvedAt ? " ✓" : ""}`),
    values: Object.fromEntries(values),
    hasEnded,
  };
}

test("p1: at each moment of a replay people, notes and values are those of then, forwards and backwards", () => {
  const then: [number, unknown][] = [
    [0, { people: ["Bob active host"], notes: [], values: { revenue: 100, margin: null }, hasEnded: false }],
    [2, { people: ["Bob active host", "Mia Park active"], notes: ["first words"], values: { revenue: 110, margin: null }, hasEnded: false }],
    [3.5, { people: ["Bob active host", "Mia Park active"], notes: ["better words", "an answer"], values: { revenue: 110, margin: null }, hasEnded: false }],
    [6, { people: ["Mia Park disconnected host"], notes: ["better words ✓", "an answer"], values: { revenue: 110, margin: 7 }, hasEnded: false }],
    [10, { people: ["Mia Park disconnected host"], notes: ["better words ✓"], values: { revenue: 120, margin: 7 }, hasEnded: true }],
  ];
  for (const [minute, expected] of [...then, ...then.toReversed()]) assert.deepEqual(seen(minute), expected, `minute ${minute}`);
});

test("p1: between two steps of a replay nothing changes", () => {
  assert.equal(stepUntil(meeting, 2 * MINUTE - 1), MINUTE);
  assert.equal(stepUntil(meeting, 2 * MINUTE), 2 * MINUTE);
  for (let at = 0; at <= meeting.length; at += 7_000) assert.deepEqual(sceneAt(meeting, at), sceneAt(meeting, stepUntil(meeting, at)));
});

test("p1: what happened is told in words, in its order", () => {
  const marks = marksOf(meeting, (id) => ({ name: id, unit: id === "revenue" ? "EUR" : "" }));
  assert.deepEqual(marks.map(({ offset, says }) => `${clock(offset)} ${says()}`), [
    "0:00 Bob began the meeting",
    "1:00 Mia Park joined",
    "2:00 Mia Park noted: first words",
    "2:00 revenue: 100 EUR → 110 EUR",
    "3:00 A note by Mia Park was changed: better words",
    "3:00 Bob answered: an answer",
    "4:00 Mia Park lost the connection",
    "4:00 margin is 7",
    "5:00 Bob resolved: better words",
    "6:00 Mia Park is the host now",
    "6:00 Bob left",
    "7:00 Mia Park deleted a note: an answer",
    "8:00 revenue: 110 EUR → 120 EUR",
    "10:00 The host left: the meeting ended",
  ]);
  assert.deepEqual(placesOf(marks, "values", meeting.length), [100, 200, 400]);
});

test("p1: a meeting that is not kept whole says from when it is, and one that is not loaded whole until when", () => {
  assert.equal(meeting.keptFrom, undefined);
  assert.equal(recordingOf([page({ complete: false, keptFrom: null })]).keptFrom, null);
  const part = recordingOf([page({ changes: [{ kpiId: "revenue", value: 1, at: FROM, offset: 90_000 }] })], { isWhole: false });
  assert.equal(part.valuesUntil, 90_000);
});

test("p1: playing goes on at its speed, leaves out what is idle, and stops at the end", () => {
  const pace = { speed: "16", length: 600_000 } as const;
  assert.equal(advance(0, 100, pace), 1_600);
  assert.equal(advance(0, 60_000, pace), 16_000, "a tab that slept does not jump");
  assert.equal(advance(0, 100, { ...pace, skipTo: 100_000 }), 97_000);
  assert.equal(advance(90_000, 100, { ...pace, skipTo: 100_000 }), 91_600, "what is near is come to at the same speed");
  assert.equal(advance(90_000, 100, { ...pace, skipTo: null }), 600_000);
  assert.equal(advance(599_999, 100, pace), 600_000);
});

test("p1: keys move by five seconds, by a minute, and to both ends", () => {
  const moved = (key: string) => movedBy(key, 30_000, 600_000);
  assert.deepEqual(["ArrowRight", "ArrowLeft", "PageUp", "PageDown", "Home", "End", "a"].map(moved), [35_000, 25_000, 90_000, 0, 0, 600_000, null]);
  assert.equal(spoken(3_605_000), "1 hour 5 seconds");
  assert.equal(clock(3_605_000), "1:00:05");
});
