// Reports that the user has asked for, until they are there.

import type { ReportRequest } from "@bos/client";
import { computed, signal } from "@preact/signals";
import { bos, user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { alphabet, inWords } from "../../app/words.ts";
import { tell } from "../../ui/told.tsx";

export interface Asked {
  id: number;
  userId: string;
  request: ReportRequest;
  at: string;
  /** Why there will be none, in words; "" while it is being made. */
  problem: string;
}

const asked = signal<readonly Asked[]>([]);
let asks = 0;

/** The user's own: whoever has signed in before has asked for others. */
export const making = computed(() => asked.value.filter(({ userId }) => userId === user.value?.id));

/** Have a report made: it arrives by itself, also after a loss of the connection. Whether it was made. */
export async function makeReport(request: ReportRequest): Promise<boolean> {
  const own: Asked = { id: asks += 1, userId: user.value?.id ?? "", request, at: new Date().toISOString(), problem: "" };
  asked.value = [own, ...asked.value];
  try {
    await bos().request("REPORT_REQUEST", request);
    forget(own.id);
    tell(`The report of ${scopeName(request.scope)} is ready.`);
    return true;
  } catch (error) {
    asked.value = asked.value.map((one) => one.id === own.id ? { ...one, problem: inWords(error) } : one);
    return false;
  }
}

export function forget(id: number): void {
  asked.value = asked.value.filter((one) => one.id !== id);
}

type Scope = ReportRequest["scope"];

/** What a report is of: the organization, or a department. */
export function scopeName({ type, id }: Scope): string {
  if (type === "department") return ways.value.get(id) ?? "a department";
  return all("organization").get(id)?.name ?? "the organization";
}

/** Departments by the way from the top: "Sales / Support". */
const ways = computed(() => {
  const departments = all("department");
  const way = (id: string, below: readonly string[]): string => {
    const { name = "", parentId = null } = departments.get(id) ?? {};
    const isRound = parentId !== null && below.includes(parentId);
    return parentId === null || isRound || !departments.has(parentId) ? name : `${way(parentId, [...below, id])} / ${name}`;
  };
  return new Map(departments.keys().map((id) => [id, way(id, [])]));
});

export const departmentWays = computed(() => [...ways.value].map(([id, way]) => ({ id, way })).sort((a, b) => alphabet.compare(a.way, b.way)));
