// Names as the organization has them: of people by their user id, and of KPIs.

import { computed } from "@preact/signals";
import { user } from "./connection.ts";
import { all } from "./live.ts";
import { alphabet } from "./words.ts";

const names = computed(() => {
  const known = new Map<string, string>();
  for (const { userId, name } of all("employee").values()) if (userId) known.set(userId, name);
  return known;
});

/** Everybody who can sign in, by name. */
export const people = computed(() => [...names.value].map(([id, name]) => ({ id, name })).sort((a, b) => alphabet.compare(a.name, b.name)));

/** The name of a user; "You" for the one who looks. */
export function nameOf(userId: string | null): string {
  if (userId === null) return "Somebody";
  return userId === user.value?.id ? "You" : names.value.get(userId) ?? "Somebody";
}

let known: ReadonlyMap<string, string> = new Map();

/** The names of KPIs by id: another map only where one of them has another name, not with each value. */
export const kpiNames = computed(() => {
  const kpis = all("kpi");
  const isSame = known.size === kpis.size && kpis.values().every(({ id, name }) => known.get(id) === name);
  if (!isSame) known = new Map(kpis.values().map(({ id, name }) => [id, name]));
  return known;
});
