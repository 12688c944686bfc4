// What was typed is kept until the server has it: through refusals, lost connections and reloads of this tab.

import { type Signal, signal } from "@preact/signals";
import { signedInAs } from "./session.ts";

const PREFIX = "bos.draft";
const drafts = new Map<string, Signal<string>>();

/** The draft of this name, of the user who has signed in: "" where nothing has been typed.
 *
 * name: what it is for, as `value of <id>`. Set it at each keystroke, and to "" once it is done.
 */
export function draft(name: string): Signal<string> {
  const place = `${PREFIX} ${signedInAs.value} ${name}`;
  let found = drafts.get(place);
  if (!found) {
    found = signal(sessionStorage.getItem(place) ?? "");
    drafts.set(place, found);
    found.subscribe((text) => text ? sessionStorage.setItem(place, text) : sessionStorage.removeItem(place));
  }
  return found;
}

/** The rest of the names of those drafts of the user that begin so. */
export function draftsNamed(beginning: string): string[] {
  const place = `${PREFIX} ${signedInAs.value} ${beginning}`;
  return Object.keys(sessionStorage).filter((key) => key.startsWith(place)).map((key) => key.slice(place.length));
}
