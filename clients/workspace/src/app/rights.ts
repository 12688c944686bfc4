// What the user may do, as far as the server has said: what is refused anyway is not offered.
// The server decides; see docs/security.md.

import type { AnnotationData, KpiData } from "@bos/client";
import { user } from "./connection.ts";

function hasRole(...roles: string[]): boolean {
  return roles.includes(user.value?.role ?? "");
}

export const isManager = () => hasRole("manager", "admin");
export const isAdmin = () => hasRole("admin");
/** Viewers read; members and those above write notes. */
export const mayWriteNotes = () => hasRole("member", "manager", "admin");
export const maySetValue = ({ ownerId }: Pick<KpiData, "ownerId">) => isManager() || (ownerId !== null && ownerId === user.value?.id);
export const isOwnNote = ({ authorId }: Pick<AnnotationData, "authorId">) => authorId === user.value?.id;
