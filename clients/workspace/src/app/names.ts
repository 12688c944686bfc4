// Names as the organization has them: of people by their user id, and of KPIs.

import type { Someone } from "@bos/client";
import { computed, effect, signal } from "@preact/signals";
import { user } from "./connection.ts";
import { all } from "./live.ts";
import { alphabet } from "./words.ts";

export interface Person {
  id: string;
  name: string;
  /** What they do, and where: it tells two of the same name apart; "" where that is not known. */
  about: string;
}

/** Users whom the server has told of otherwise: not all of them are employees. */
const met = signal<ReadonlyMap<string, string>>(new Map());

/** Keep the names of these users, who are online, or take part in a session. */
export function meet(users: Iterable<Someone>): void {
  const fresh = [...users].filter(({ userId, userName }) => met.peek().get(userId) !== userName);
  if (fresh.length) met.value = new Map([...met.peek(), ...fresh.map(({ userId, userName }) => [userId, userName] as const)]);
}

// Of another organization, perhaps.
effect(() => {
  if (!user.value) met.value = new Map();
});

/** Everybody who can sign in, as far as they are known, by user id. */
export const peopleById = computed<ReadonlyMap<string, Person>>(() => {
  const departments = all("department");
  const known = new Map([...met.value].map(([id, name]) => [id, { id, name, about: "" }]));
  for (const { userId, name, title, departmentId } of all("employee").values()) {
    if (!userId) continue;
    const department = departmentId ? departments.get(departmentId)?.name : "";
    known.set(userId, { id: userId, name, about: [title, department].filter(Boolean).join(", ") });
  }
  return known;
});

/** The same, by name. */
export const people = computed(() => [...peopleById.value.values()].sort((a, b) => alphabet.compare(a.name, b.name)));

/** The name of a user. */
export function nameOf(userId: string | null): string {
  return peopleById.value.get(userId ?? "")?.name ?? "Somebody";
}

/** The same, as one begins a sentence with it: "You" for the one who looks. */
export function subjectOf(userId: string | null): string {
  return userId !== null && userId === user.value?.id ? "You" : nameOf(userId);
}

/** The names of these users, without those that are not known. */
export function namesOf(userIds: readonly string[]): string[] {
  return userIds.map((id) => peopleById.value.get(id)?.name ?? "").filter(Boolean);
}

let known: ReadonlyMap<string, string> = new Map();

/** The names of KPIs by id: another map only where one of them has another name, not with each value. */
export const kpiNames = computed(() => {
  const kpis = all("kpi");
  const isSame = known.size === kpis.size && kpis.values().every(({ id, name }) => known.get(id) === name);
  if (!isSame) known = new Map(kpis.values().map(({ id, name }) => [id, name]));
  return known;
});
