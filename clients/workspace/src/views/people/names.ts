// The users of the organization as far as they are known, by name: of its employees, and of those who are online.

import { computed } from "@preact/signals";
import { all } from "../../app/live.ts";
import { alphabet } from "../../app/words.ts";
import { online, running } from "./presence.ts";

export interface Person {
  id: string;
  name: string;
  /** What they do, and where; "" where that is not known. */
  about: string;
}

const known = computed(() => {
  const people = new Map<string, Person>();
  const departments = all("department");
  for (const [id, name] of online.value ?? []) people.set(id, { id, name, about: "" });
  for (const { participants } of running.value ?? []) {
    for (const { userId, userName } of participants) people.set(userId, { id: userId, name: userName, about: "" });
  }
  for (const { userId, name, title, departmentId } of all("employee").values()) {
    if (!userId) continue;
    const department = departmentId ? departments.get(departmentId)?.name : "";
    people.set(userId, { id: userId, name, about: [title, department].filter(Boolean).join(", ") });
  }
  return people;
});

/** By name. */
export const users = computed(() => [...known.value.values()].sort((a, b) => alphabet.compare(a.name, b.name)));

export const nameOf = (userId: string) => known.value.get(userId)?.name ?? "Somebody";
