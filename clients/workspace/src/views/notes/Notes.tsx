import type { EntityRef } from "@bos/client";

/** The notes on a thing, or of a session: to read, write, answer, mention, resolve, change and delete.
 *
 * Brings the note of the address's `?note=` into view. position: where a new note is pinned in space.
 */
export function Notes(_: { entity?: EntityRef; sessionId?: string; position?: () => { x: number; y: number; z: number } }) {
  return null;
}
