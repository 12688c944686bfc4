// A meeting as it was recorded, and what it looked like at any moment: nothing of it is live.

import type { AnnotationData, Replay, ReplayedEvent, ReplayedSession } from "@bos/client";

export interface Recording {
  session: ReplayedSession;
  /** When it began, in milliseconds since 1970; how long it is, in milliseconds. */
  from: number;
  length: number;
  /** Since when its events are kept, where that is not its beginning; undefined where it is, null where none is. */
  keptFrom: string | null | undefined;
  events: readonly ReplayedEvent[];
  values: readonly ValueChange[];
  /** By KPI: the value at the beginning. */
  start: ReadonlyMap<string, number | null>;
  /** Until when values were loaded; null where all of them were. */
  valuesUntil: number | null;
  names: ReadonlyMap<string, string>;
  /** Each offset at which anything changes, in order: between two of them nothing does. */
  steps: readonly number[];
  tracks: Tracks;
}

export interface ValueChange {
  kpiId: string;
  value: number;
  before: number | null;
  offset: number;
}

export interface Person {
  userId: string;
  name: string;
  state: "active" | "idle" | "disconnected";
  isHost: boolean;
}

/** The meeting at a moment. */
export interface Moment {
  people: Person[];
  /** Those that are there, the oldest first. */
  notes: AnnotationData[];
  /** By KPI. */
  values: ReadonlyMap<string, number | null>;
  hasEnded: boolean;
}

interface Tracks {
  people: Map<string, Track<Person["state"] | null>>;
  notes: Map<string, Track<AnnotationData | null>>;
  values: Map<string, Track<number>>;
  host: Track<string>;
  end: number | null;
}

/** What something was, from which offset on. */
export class Track<State> {
  readonly #offsets: number[] = [];
  readonly #states: State[] = [];

  /** offset: not before the last one. */
  add(offset: number, state: State): void {
    this.#offsets.push(offset);
    this.#states.push(state);
  }

  /** What it was then; undefined before it was anything. */
  at(offset: number): State | undefined {
    return this.#states[countUntil(this.#offsets, offset) - 1];
  }
}

/** How many of these, in rising order, are not after `limit`. */
export function countUntil(offsets: readonly number[], limit: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

const SECOND = 1000;

/** Put the pages of a replay together. isWhole: whether the last of them has come. */
export function recordingOf(pages: readonly Replay[], { isWhole = true } = {}): Recording {
  const [first] = pages;
  if (!first) throw new Error("A recording has a page at least.");
  const last = pages.at(-1) ?? first;
  const events = pages.flatMap((page) => page.events);
  const start = new Map(pages.flatMap((page) => page.kpis).map(({ kpiId, value }) => [kpiId, value] as const));
  const values = valuesOf(pages, start);
  const from = Date.parse(first.from);
  const offsets = [...new Set([...events, ...values].map(({ offset }) => offset))].sort((a, b) => a - b);
  const longest = Math.max(Date.parse(last.to) - from, offsets.at(-1) ?? 0, SECOND);
  return {
    session: last.session,
    from,
    length: Math.ceil(longest / SECOND) * SECOND,
    keptFrom: first.complete ? undefined : first.keptFrom,
    events,
    values,
    start,
    valuesUntil: isWhole ? null : (values.at(-1)?.offset ?? 0),
    names: namesOf(last.session, events),
    steps: [0, ...offsets.filter((offset) => offset > 0)],
    tracks: tracksOf(events, values),
  };
}

function valuesOf(pages: readonly Replay[], start: ReadonlyMap<string, number | null>): ValueChange[] {
  const shown = new Map(start);
  return pages.flatMap((page) => page.changes).map(({ kpiId, value, offset }) => {
    const before = shown.get(kpiId) ?? null;
    shown.set(kpiId, value);
    return { kpiId, value, before, offset };
  });
}

function namesOf(session: ReplayedSession, events: readonly ReplayedEvent[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { userId, userName, note } of events) {
    if (userId && userName) names.set(userId, userName);
    if (note) names.set(note.authorId, note.authorName);
  }
  // As they are called now.
  for (const { userId, userName } of session.people) names.set(userId, userName);
  return names;
}

function tracksOf(events: readonly ReplayedEvent[], values: readonly ValueChange[]): Tracks {
  const tracks: Tracks = { people: new Map(), notes: new Map(), values: new Map(), host: new Track(), end: null };
  for (const event of events) {
    const { kind, offset, userId = "", note } = event;
    if (kind === "started" || kind === "host") tracks.host.add(offset, userId);
    if (kind === "started") trackOf(tracks.people, userId).add(offset, "active");
    if (kind === "joined" || kind === "state") trackOf(tracks.people, userId).add(offset, event.state ?? "active");
    if (kind === "left") trackOf(tracks.people, userId).add(offset, null);
    if (kind === "note" && note) trackOf(tracks.notes, note.id).add(offset, note);
    if (kind === "noteDeleted" && event.annotationId) trackOf(tracks.notes, event.annotationId).add(offset, null);
    if (kind === "ended") tracks.end = offset;
  }
  for (const { kpiId, value, offset } of values) trackOf(tracks.values, kpiId).add(offset, value);
  return tracks;
}

function trackOf<State>(tracks: Map<string, Track<State>>, id: string): Track<State> {
  let track = tracks.get(id);
  if (!track) tracks.set(id, track = new Track());
  return track;
}

/** The meeting as it was `at` milliseconds after its beginning: whatever was looked at before, forwards or backwards. */
export function sceneAt({ tracks, start, names, session }: Recording, at: number): Moment {
  const hostId = tracks.host.at(at) ?? session.hostId;
  const people: Person[] = [];
  for (const [userId, track] of tracks.people) {
    const state = track.at(at);
    if (state) people.push({ userId, state, name: names.get(userId) ?? "Somebody", isHost: userId === hostId });
  }
  const notes: AnnotationData[] = [];
  for (const track of tracks.notes.values()) {
    const note = track.at(at);
    if (note) notes.push(note);
  }
  notes.sort((a, b) => Number(a.createdAt > b.createdAt) - Number(a.createdAt < b.createdAt));
  const values = new Map(start);
  for (const [kpiId, track] of tracks.values) {
    const value = track.at(at);
    if (value !== undefined) values.set(kpiId, value);
  }
  return { people, notes, values, hasEnded: tracks.end !== null && at >= tracks.end };
}

/** The last offset until then at which anything changed. */
export function stepUntil({ steps }: Recording, at: number): number {
  return steps[countUntil(steps, at) - 1] ?? 0;
}
