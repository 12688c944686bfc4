// By which channels an entity is shown: docs/entities.md says it of each type.

import type { Entities } from "./protocol.ts";

export type EntityType = keyof Entities;
type Names = { [Type in EntityType]: (data: Entities[Type], kpiChannels: (kpiId: string) => string[] | null) => (string | null)[] };

const ofKpi = ({ kpiId }: { kpiId: string }, kpiChannels: (kpiId: string) => string[] | null) => kpiChannels(kpiId) ?? [];
const ORGANIZATION = "organization:";
const DEPARTMENT = "department:";
const USER = "user:";

/** A name that ends with a colon is any channel of its kind: most of these are the user's own, and the only one. */
const SHOWN_BY: Names = {
  organization: () => [ORGANIZATION],
  department: ({ id }) => [ORGANIZATION, `department:${id}`],
  employee: ({ departmentId }) => [ORGANIZATION, `department:${departmentId}`],
  notification: () => [USER],
  kpi: ({ id, departmentId, visibility }) => [visibility === "organization" ? ORGANIZATION : null, `department:${departmentId}`, `kpi:${id}`],
  alert: ofKpi,
  insight: ofKpi,
  report: ({ scope: { type, id } }) => [type === "organization" ? ORGANIZATION : `department:${id}`],
  session: ({ id, invitationOnly, endedAt }) => [invitationOnly || endedAt ? null : ORGANIZATION, `session:${id}`],
  invitation: () => [USER],
  participant: ({ sessionId }) => [`session:${sessionId}`],
  annotation: ({ sessionId, entity, entityArchived }, kpiChannels) => {
    if (sessionId !== null) return [`session:${sessionId}`];
    if (entityArchived) return [ORGANIZATION, DEPARTMENT]; // one of them, where it was shown
    return entity?.type === "kpi" ? ofKpi({ kpiId: entity.id }, kpiChannels) : [`department:${entity?.id}`];
  },
};

/** Return the channels that show this entity, or null where nobody can say. */
export function channelsOf(type: string, data: object, kpi: (kpiId: string) => Entities["kpi"] | undefined): string[] | null {
  if (!Object.hasOwn(SHOWN_BY, type)) return null;
  const names = SHOWN_BY[type as "kpi"];
  const kpiChannels = (kpiId: string) => {
    const known = kpi(kpiId);
    return known ? channelsOf("kpi", known, kpi) : [`kpi:${kpiId}`];
  };
  try {
    return names(data as Entities["kpi"], kpiChannels).filter((channel) => channel !== null);
  } catch (error) {
    if (error instanceof TypeError) return null; // it lacks what would say it
    throw error;
  }
}

/** Return whether one of the channels that are followed shows it. */
export function isShown(channels: string[], followed: Iterable<string>): boolean {
  for (const one of followed) if (channels.includes(one) || channels.includes(one.slice(0, one.indexOf(":") + 1))) return true;
  return false;
}
