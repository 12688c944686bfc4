import type { EntityRef } from "@bos/client";

/** Who else is looking at this just now, and let them see that the user does. `only`: do not tell of the user. */
export function Looking(_: { entity: EntityRef; only?: boolean }) {
  return null;
}
