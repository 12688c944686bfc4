// Where the next note of a session is pinned, once that was chosen in space: kept with what is typed.

import type { EntityRef, Position } from "@bos/client";
import { draft } from "../../app/drafts.ts";
import { entity } from "../../app/live.ts";
import { Button } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";

export interface Pinned {
  position: Position;
  entity: EntityRef | null;
}

const keptIn = (sessionId: string) => draft(`pin of the new note in session ${sessionId}`);

/** null: nowhere yet. */
export function pinnedIn(sessionId: string): Pinned | null {
  const { value } = keptIn(sessionId);
  return value ? JSON.parse(value) : null;
}

export function pinIn(sessionId: string, pinned: Pinned | null): void {
  keptIn(sessionId).value = pinned ? JSON.stringify(pinned) : "";
}

/** What is pinned to, with a way back. */
export function PinnedTo({ sessionId }: { sessionId: string }) {
  const pinned = pinnedIn(sessionId);
  if (!pinned) return null;
  return (
    <p class="row small" role="status" data-pinned-to>
      <Icon name="pin" /> Pinned to {nameOfThing(pinned.entity)}
      <Button kind="plain" onClick={() => pinIn(sessionId, null)}>Do not pin it</Button>
    </p>
  );
}

function nameOfThing(thing: EntityRef | null): string {
  if (thing === null) return "the place that you chose";
  const found = thing.type === "kpi" ? entity("kpi", thing.id) : thing.type === "department" ? entity("department", thing.id) : undefined;
  return found ? `“${found.name}”` : "what is not there any more";
}
