// The space as it is now, from the live store.

import { computed, type ReadonlySignal } from "@preact/signals";
import { all } from "../../app/live.ts";
import { people } from "../../app/names.ts";
import type { Scene } from "./scene.ts";
import type { Range } from "./standing.ts";

const scenes = new Map<string | null, ReadonlySignal<Scene>>();
const MOST_KEPT = 8;

/** With the notes of this session, and those that are on things. Read again when any of it changes. */
export function sceneNow(sessionId: string | null): Scene {
  let scene = scenes.get(sessionId);
  if (!scene) {
    if (scenes.size >= MOST_KEPT) scenes.clear();
    scenes.set(sessionId, scene = computed(() => sceneOf(sessionId)));
  }
  return scene.value;
}

function sceneOf(sessionId: string | null): Scene {
  return {
    departments: departments.value,
    kpis: kpis.value,
    notes: notes.value.filter((note) => note.sessionId === null || note.sessionId === sessionId),
    names: names.value,
    alerts: alerts.value,
    ranges: ranges.value,
  };
}

// Each by itself: a new value changes only the list that it is in.
const departments = computed(() => [...all("department").values()]);
const kpis = computed(() => [...all("kpi").values()]);
const notes = computed(() => [...all("annotation").values()]);
const alerts = computed(() => [...all("alert").values()]);

const names = computed(() => {
  const found = new Map(people.value.map(({ id, name }) => [id, name]));
  for (const { userId, userName } of all("participant").values()) found.set(userId, userName);
  return found;
});

/** Where values are expected, by what was forecast and found to be usual. */
export const ranges = computed(() => {
  const found = new Map<string, Range>();
  for (const insight of all("insight").values()) {
    const bounds = insight.kind === "prediction" ? insight.points : insight.kind === "anomaly" ? [insight] : [];
    if (!bounds.length) continue;
    const [least, most] = found.get(insight.kpiId) ?? [Infinity, -Infinity];
    found.set(insight.kpiId, [Math.min(least, ...bounds.map(({ lower }) => lower)), Math.max(most, ...bounds.map(({ upper }) => upper))]);
  }
  return found;
});
