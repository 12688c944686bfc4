import type { EntityRef } from "@bos/client";
import { useEffect } from "preact/hooks";
import { isComplete as isShown } from "../../app/connection.ts";
import { Icon } from "../../ui/icons.tsx";
import { Avatars } from "../../ui/shown.tsx";
import { lookAt, lookersOf, usePresence } from "./presence.ts";

/** Show the others who look at this just now, and let them see that the user does. `only`: do not tell of the user. */
export function Looking({ entity, only = false }: { entity: EntityRef; only?: boolean }) {
  const { type, id } = entity;
  const tells = !only && isShown.value;
  usePresence();
  useEffect(() => tells ? lookAt({ type, id }) : undefined, [type, id, tells]);
  const people = lookersOf(entity);
  if (!people.length) return null;
  const names = people.map(({ userName }) => userName).join(", ");
  return (
    <span class="people-looking" data-looking={people.length} title={`Looking at this too: ${names}`}>
      <Icon name="eye" />
      <span class="hidden-visually">Looking at this too:</span>
      <Avatars people={people.map(({ userId, userName }) => ({ id: userId, name: userName }))} most={3} />
    </span>
  );
}
