// The one connection of this page: begun at sign-in, and its state as signals.

import { type BosError, type Client, connect, type ServerMessage, type State, type User } from "@bos/client";
import { batch, signal } from "@preact/signals";
import { follow as followStore, forget as forgetStore } from "./live.ts";
import { preference } from "./preferences.ts";
import { endedBecause, session } from "./session.ts";

export const user = signal<User | null>(null);
export const state = signal<State | null>(null);
/** The last event of the organization's log that is shown here. */
export const sequence = signal<number | null>(null);
/** Whether all that the user may see has come once. */
export const isComplete = signal(false);
/** How many changes the last connection brought that were missed before; null where none was missed yet. */
export const caughtUp = signal<number | null>(null);

const DEPARTMENT = "department:";

let client: Client | null = null;
const listeners = new Set<(message: ServerMessage) => void>();

/** The client; throws where nobody has signed in, which no view is shown to. */
export function bos(): Client {
  if (client === null) throw new Error("Nobody is signed in.");
  return client;
}

/** Call `listener` with each event, once and in order, and with answers, which have no `sequence`; call what is returned to stop it. */
export function onMessage(listener: (message: ServerMessage) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Connect as the user who has signed in, and follow all that they may see. */
export function begin(): void {
  end();
  const own = connect({ url: location.origin, token: session.token });
  client = own;
  const departments = preference("followed departments");
  const remember = () => {
    const followed = own.channels.filter((channel) => channel.startsWith(DEPARTMENT));
    departments.value = seesAll(own.user) ? followed.map((channel) => channel.slice(DEPARTMENT.length)).join(" ") : "";
  };
  let missed = 0;
  // The client moves its cursor on once all have heard of an event.
  const showSequence = () => queueMicrotask(() => {
    if (client === own) sequence.value = own.sequence;
  });
  own.on("user", (signedIn) => {
    user.value = signedIn;
    // The state tells of what fails.
    own.subscribe(`organization:${signedIn.organizationId}`, `user:${signedIn.id}`).then(() => isComplete.value = true, () => {});
    followDepartments(own, departments.peek().split(" ").filter(Boolean));
  });
  followStore(own.store);
  own.store.onChange(({ changes }) => {
    for (const change of changes) {
      // A department's channel brings what only the department sees; to others it is refused.
      if (change.type === "department" && change.after && !change.before) followDepartments(own, [change.after.id]);
      if (change.type !== "employee" || !change.before || change.after?.userId !== own.user?.id) continue;
      // Whoever has moved may see other departments now.
      if (change.before.departmentId !== change.after?.departmentId) followDepartments(own, [...own.store.departments.keys()]);
    }
    showSequence();
  });
  own.on("message", (message) => {
    // Answers come here, too.
    if (own.state.state !== "live" && message.payload && "sequence" in message.payload) missed += 1;
    showSequence();
    for (const listener of listeners) listener(message);
  });
  own.on("state", (now) => {
    batch(() => {
      if (now.state === "waiting" || now.state === "offline") missed = 0;
      if (now.state === "live" && isComplete.value) caughtUp.value = missed;
      state.value = now;
      sequence.value = own.sequence;
    });
    if (now.state === "live") remember();
    if (now.state === "stopped" && now.reason) stopped(now.reason);
  });
}

function stopped(reason: BosError): void {
  end();
  endedBecause(reason.message);
}

/** Whether the departments' pictures are as large as the organization's, and the same for all who ask.
 *
 * Followed from the beginning, they come in one with it; of a member's few there is little, and the rest is shared.
 */
const seesAll = (signedIn: User | null) => ["manager", "admin"].includes(signedIn?.role ?? "");

/** Follow them; most are refused to those who are not in them. */
function followDepartments(own: Client, ids: string[]): void {
  for (const id of ids) own.subscribe(`${DEPARTMENT}${id}`).catch(() => {});
}

/** Follow nothing any longer. */
export function end(): void {
  client?.close();
  client = null;
  batch(() => {
    user.value = state.value = sequence.value = caughtUp.value = null;
    isComplete.value = false;
  });
  forgetStore();
}
