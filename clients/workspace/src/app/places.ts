// The addresses of things, as the page has them: what links, notifications and notes lead to.

import type { AnnotationData, EntityRef } from "@bos/client";

export const kpiPlace = (id: string) => `/kpi/${id}`;
export const departmentPlace = (id: string) => `/department/${id}`;
export const sessionPlace = (id: string) => `/session/${id}`;
export const replayPlace = (id: string) => `/session/${id}/replay`;

/** Where a thing is shown; null for what has no place of its own. */
export function placeOf({ type, id }: EntityRef): string | null {
  const places: Record<string, (id: string) => string> = { kpi: kpiPlace, department: departmentPlace, session: sessionPlace };
  return places[type]?.(id) ?? null;
}

/** Where a note is shown, with itself brought into view: `?note=<id>`. */
export function notePlace({ id, sessionId, entity }: Pick<AnnotationData, "id" | "sessionId" | "entity">): string {
  const place = sessionId ? sessionPlace(sessionId) : (entity && placeOf(entity)) ?? "/";
  return `${place}?note=${id}`;
}
