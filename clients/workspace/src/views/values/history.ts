// What KPIs have been in the last weeks: asked for once, and kept up with by what comes live.

import { effect, type Signal, signal } from "@preact/signals";
import { ask, send } from "../../app/api.ts";
import { onMessage } from "../../app/connection.ts";
import { signedInAs } from "../../app/session.ts";
import { gather, type Point, type Points } from "./points.ts";

const DAYS = 90;
const DAY_MS = 86_400_000;
const AGAIN_MS = 10_000;

const histories = new Map<string, Signal<Points | null>>();
/** Values that have come since the history was asked for. */
const fresh = new Map<string, Point[]>();
const wanted = new Set<string>();
/** Whose history has come as a whole; that of KPIs which appear later is asked for one by one. */
let whose = "";
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
    void load();
  }
  return () => void wanted.delete(kpiId);
}

async function load(): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  const asker = signedInAs.peek();
  try {
    while (asker === signedInAs.peek() && wanted.size) {
      if (whose !== asker) await loadAll(asker);
      else await loadOne(asker);
    }
  } catch {
    // The connection tells of it: the server is away, or the sign-in has ended.
    setTimeout(load, AGAIN_MS);
  } finally {
    isAsking = false;
  }
}

/** Of a large organization it comes in several answers. */
async function loadAll(asker: string): Promise<void> {
  let address: string | undefined = `/api/kpis/history?days=${DAYS}`;
  while (address) {
    const answer: Response = await send(address);
    const history: Record<string, [string, number][]> = await answer.json();
    if (asker !== signedInAs.peek()) return;
    for (const [kpiId, values] of Object.entries(history)) show(kpiId, values);
    address = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1];
  }
  whose = asker;
}

async function loadOne(asker: string): Promise<void> {
  const [kpiId = ""] = wanted;
  const from = new Date(Date.now() - DAYS * DAY_MS).toISOString();
  const { items } = await ask<{ items: { at: string; value: number }[] }>(`/api/v1/kpis/${kpiId}/values?step=day&aggregate=last&from=${from}`)
    .catch(() => ({ items: [] })); // gone meanwhile
  if (asker === signedInAs.peek()) show(kpiId, items.map(({ at, value }) => [at, value]));
}

function show(kpiId: string, values: readonly Point[]): void {
  const points: Point[] = [];
  for (const [at, value] of values) gather(points, at, value);
  for (const [at, value] of fresh.get(kpiId) ?? []) gather(points, at, value);
  fresh.delete(kpiId);
  wanted.delete(kpiId);
  signalOf(kpiId).value = points;
}

function take(kpiId: string, at: string, value: number): void {
  const shown = signalOf(kpiId);
  const known = shown.peek();
  if (known === null) {
    fresh.set(kpiId, [...fresh.get(kpiId) ?? [], [at, value]]);
    return;
  }
  const points = [...known];
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
  whose = "";
  for (const held of [fresh, wanted]) held.clear();
  for (const shown of histories.values()) shown.value = null;
});
