// People by their user id: names as the organization has them.

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
