// What KPIs have been in the last weeks: asked for once they are about to be seen, and kept up with by what comes live.

import { batch, effect, type Signal, signal } from "@preact/signals";
import { send } from "../../app/api.ts";
import { onMessage } from "../../app/connection.ts";
import { signedInAs } from "../../app/session.ts";
import { gather, type Point, type Points } from "./points.ts";

const DAYS = 90;
const MOST = 50; // in one request: those that are seen first come first
const AGAIN_MS = 10_000;

const histories = new Map<string, Signal<Points | null>>();
const wanted = new Set<string>();
/** What is being asked for, and the values that have come meanwhile: they may not be in the answer. */
const asked = new Map<string, Point[]>();
let isAsking = false;

function signalOf(kpiId: string): Signal<Points | null> {
  let found = histories.get(kpiId);
  if (!found) histories.set(kpiId, found = signal(null));
  return found;
}

/** The values of the last 90 days, of each day the last one; null until they have come. */
export function historyOf(kpiId: string): Points | null {
  return signalOf(kpiId).value;
}

/** Have a KPI's history loaded, if it is not there; call what is returned when it is shown no longer. */
export function wantHistory(kpiId: string): () => void {
  if (signalOf(kpiId).peek() === null) {
    wanted.add(kpiId);
    // Together with others that come into sight at the same moment.
    queueMicrotask(load);
  }
  return () => void wanted.delete(kpiId);
}

async function load(): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  const asker = signedInAs.peek();
  try {
    while (asker === signedInAs.peek() && wanted.size) await loadSome(asker, [...wanted].slice(0, MOST));
  } catch {
    // The connection tells of it: the server is away, or the sign-in has ended.
    setTimeout(load, AGAIN_MS);
  } finally {
    isAsking = false;
  }
}

/** A KPI that is gone meanwhile, or may not be seen any more, has none. */
async function loadSome(asker: string, kpiIds: readonly string[]): Promise<void> {
  const found: Record<string, readonly Point[]> = {};
  asked.clear();
  for (const id of kpiIds) asked.set(id, []);
  let address: string | undefined = `/api/kpis/history?days=${DAYS}${kpiIds.map((id) => `&kpis=${id}`).join("")}`;
  while (address) {
    const answer: Response = await send(address);
    Object.assign(found, await answer.json());
    address = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1];
  }
  if (asker !== signedInAs.peek()) return;
  batch(() => {
    for (const id of kpiIds) show(id, found[id] ?? []);
  });
}

function show(kpiId: string, values: readonly Point[]): void {
  const points: Point[] = [];
  for (const [at, value] of values) gather(points, at, value);
  for (const [at, value] of asked.get(kpiId) ?? []) gather(points, at, value);
  asked.delete(kpiId);
  wanted.delete(kpiId);
  signalOf(kpiId).value = points;
}

function take(kpiId: string, at: string, value: number): void {
  asked.get(kpiId)?.push([at, value]);
  const shown = histories.get(kpiId);
  if (!shown?.peek()) return; // once it is asked for, this value is in it
  const points = [...shown.peek() ?? []];
  gather(points, at, value);
  shown.value = points;
}

onMessage(({ type, payload }) => {
  if (type === "KPI_UPDATED") take(payload.kpiId, payload.measuredAt ?? payload.updatedAt, payload.value);
  // Of what was missed there is the whole KPI only, whatever has changed of it.
  if (type !== "SYNC_UPDATE" || payload.entityType !== "kpi" || payload.data.value === null) return;
  const known = histories.get(payload.entityId)?.peek();
  if (known && known.at(-1)?.[1] !== payload.data.value) take(payload.entityId, payload.data.updatedAt, payload.data.value);
});

// Somebody else sees other KPIs.
effect(() => {
  void signedInAs.value;
  for (const held of [asked, wanted]) held.clear();
  for (const shown of histories.values()) shown.value = null;
});
