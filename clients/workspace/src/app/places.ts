// The addresses of things, as the page has them: what links, notifications and notes lead to.

import type { AnnotationData, EntityRef, NotificationData } from "@bos/client";

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

/** Where that is shown of which a notification tells; null where there is no place, or none that the user may go to. */
export function notificationPlace({ category, data }: Pick<NotificationData, "category" | "data">, isAdmin: boolean): string | null {
  const { annotationId, sessionId, entityType, entityId, kpiId, reportId } = data;
  if (annotationId) {
    const entity = entityType && entityId ? { type: entityType, id: entityId } : null;
    return notePlace({ id: annotationId, sessionId: sessionId ?? null, entity });
  }
  if (sessionId) return sessionPlace(sessionId);
  if (kpiId) return kpiPlace(kpiId);
  if (reportId) return "/reports";
  return isAdmin ? administrationPlace(category, data) : null;
}

/** The page of the server on which an administrator sees what has failed. */
function administrationPlace(category: string, { importId, connectorId, webhookId }: NotificationData["data"]): string | null {
  if (importId) return `/admin/bos/import/${importId}/change/`;
  if (connectorId) return `/admin/kpis/connector/${connectorId}/change/`;
  if (webhookId) return `/admin/bos/webhook/${webhookId}/change/`;
  if (category === "delivery_failed") return "/admin/bos/delivery/";
  return category === "invitation_failed" ? "/admin/bos/user/" : null;
}

/** Whether an address is one of this page, and not of the server's others. */
export const isOfThisPage = (place: string) => !/^\/(admin|account|docs)\//.test(place);
