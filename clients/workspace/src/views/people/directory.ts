// The directory of the organization: its people by department, as search and filter leave them.

import type { DepartmentData, EmployeeData } from "@bos/client";
import { alphabet } from "../../app/words.ts";

export interface Entry {
  key: string;
  userId: string | null;
  name: string;
  title: string;
  email: string;
}

export interface Group {
  /** null: of those who are in none. */
  department: DepartmentData | null;
  entries: Entry[];
}

interface Asked {
  employees: Iterable<EmployeeData>;
  departments: ReadonlyMap<string, DepartmentData>;
  /** By user: who is online; also those who are no employees. */
  online: ReadonlyMap<string, string>;
  search: string;
  onlyOnline: boolean;
}

/** Departments by name, and the people in each; at last those of no department. */
export function directory({ employees, departments, online, search, onlyOnline }: Asked): Group[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Group>();
  const add = (entry: Entry, department: DepartmentData | null) => {
    if (onlyOnline && !(entry.userId && online.has(entry.userId))) return;
    const text = `${entry.name} ${entry.title} ${entry.email} ${department?.name ?? ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return;
    const id = department?.id ?? "";
    const group = groups.get(id);
    if (group) group.entries.push(entry);
    else groups.set(id, { department, entries: [entry] });
  };
  const employed = new Set<string>();
  for (const { id, userId, name, title, email, departmentId } of employees) {
    if (userId) employed.add(userId);
    add({ key: id, userId, name, title, email }, (departmentId && departments.get(departmentId)) || null);
  }
  for (const [userId, name] of online) {
    if (!employed.has(userId)) add({ key: userId, userId, name, title: "", email: "" }, null);
  }
  const sorted = [...groups.values()].sort((a, b) => a.department && b.department ? alphabet.compare(a.department.name, b.department.name) : Number(!a.department) - Number(!b.department));
  for (const group of sorted) group.entries.sort((a, b) => alphabet.compare(a.name, b.name));
  return sorted;
}

/** Its first entries, so many in all, and how many more there are. */
export function firstOf(groups: readonly Group[], most: number): { shown: Group[]; more: number } {
  const shown: Group[] = [];
  let room = most;
  let more = 0;
  for (const { department, entries } of groups) {
    const some = entries.slice(0, room);
    if (some.length) shown.push({ department, entries: some });
    room -= some.length;
    more += entries.length - some.length;
  }
  return { shown, more };
}
