// What the user may do, as far as the server has said: what is refused anyway is not offered.
// The server decides; see docs/security.md.

import type { AnnotationData, KpiData } from "@bos/client";
import { computed } from "@preact/signals";
import { user } from "./connection.ts";

// Told anew with each sign-in, and seldom different.
const role = computed(() => user.value?.role ?? "");
const ownId = computed(() => user.value?.id);

function hasRole(...roles: string[]): boolean {
  return roles.includes(role.value);
}

export const isManager = () => hasRole("manager", "admin");
export const isAdmin = () => hasRole("admin");
/** Viewers read; members and those above write notes. */
export const mayWriteNotes = () => hasRole("member", "manager", "admin");
/** Viewers see that sessions run; members and those above take part. */
export const mayTakePart = () => hasRole("member", "manager", "admin");
export const maySetValue = ({ ownerId }: Pick<KpiData, "ownerId">) => isManager() || (ownerId !== null && ownerId === ownId.value);
export const isOwnNote = ({ authorId }: Pick<AnnotationData, "authorId">) => authorId === ownId.value;
