// What users look at: as it was asked for, and as it was told since.

import type { LookingAt, Someone } from "@bos/client";

/** Somebody who has begun or ceased to look at something. at: when that was heard of. */
export interface Look extends LookingAt {
  looking: boolean;
  at: number;
}

const isSame = (a: LookingAt, b: LookingAt) => a.userId === b.userId && a.entity.type === b.entity.type && a.entity.id === b.entity.id;

/** The looks after these were told, in their order. */
export function withLive(looks: readonly LookingAt[], told: readonly Look[]): LookingAt[] {
  let now = [...looks];
  for (const { userId, userName, entity, looking } of told) {
    const look = { userId, userName, entity };
    now = now.filter((other) => !isSame(other, look));
    if (looking) now.push(look);
  }
  return now;
}

/** Everybody but this user, by what they look at. */
export function lookersBy(looks: readonly LookingAt[], but: string): Map<string, Someone[]> {
  const by = new Map<string, Someone[]>();
  for (const { userId, userName, entity } of looks) {
    if (userId === but) continue;
    const key = `${entity.type}:${entity.id}`;
    const there = by.get(key);
    if (there) there.push({ userId, userName });
    else by.set(key, [{ userId, userName }]);
  }
  return by;
}
