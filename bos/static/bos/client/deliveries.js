// Written by `make clients` of clients/javascript/src: change it there.
// Which events the application has been given: each comes once, however often it is sent.
import { subjectOf } from "./channels.js";
const TIDY = 1000; // so many are remembered before the old ones are forgotten
export class Deliveries {
  #seen = new Map();
  /** Return whether this event is new, and remember it. cursor: everything before it was given. */ isNew(message, cursor) {
    const { sequence } = message.payload;
    if (cursor !== null && sequence < cursor) return false;
    const { entityType = "", entityId = "", changeType = "" } = subjectOf(message);
    // One event comes as a message of its own name and as SYNC_*; what ends may be shown once more.
    const gone = message.type === "SYNC_DELETE" || changeType === "deleted";
    const key = [
      sequence,
      entityType,
      entityId,
      gone
    ].join(" ");
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, sequence);
    if (this.#seen.size > TIDY && cursor !== null) this.#tidy(cursor);
    return true;
  }
  forget() {
    this.#seen.clear();
  }
  #tidy(cursor) {
    for (const [key, sequence] of this.#seen)if (sequence < cursor) this.#seen.delete(key);
  }
}
