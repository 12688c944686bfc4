// What has happened to a KPI, as the server tells it: the newest first, older on demand, new as it comes.

import { effect, signal } from "@preact/signals";
import { bos, onMessage } from "../../app/connection.ts";
import { entity } from "../../app/live.ts";
import { inWords } from "../../app/words.ts";
import { concerns } from "./items.ts";
import type { Item } from "./words.ts";

export const SUBJECTS = ["values", "changes", "imports", "alerts", "insights", "notes"] as const;
export type Subject = (typeof SUBJECTS)[number];

const AT_ONCE = 30;
const MOST_AT_ONCE = 500; // of one answer
const SOON_MS = 200;
const AGAIN_MS = 3_000; // of what changes without an end, so often

export class Happenings {
  readonly items = signal<readonly Item[] | null>(null);
  /** Where older ones begin; null where there are none. */
  readonly older = signal<string | null>(null);
  readonly problem = signal("");
  readonly busy = signal(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loadedAt = -Infinity;
  #asked = 0;

  /** about: of these alone; none is all. atOnce: so many are shown first, and with each `more`. */
  constructor(readonly kpiId: string, readonly about: readonly Subject[], readonly atOnce = AT_ONCE) {}

  begin(): () => void {
    this.load();
    const stop = onMessage((message) => {
      const { payload } = message;
      const isItself = payload !== undefined && "entityId" in payload && payload.entityId === this.kpiId;
      // What is only about values changes with the KPI itself.
      if (isItself || (this.about.join() !== "values" && concerns(message, this.kpiId))) this.#loadSoon();
    });
    // A change that came in a picture, as after a lost connection, is told by no event.
    let isFirst = true;
    const stopWatching = effect(() => {
      entity("kpi", this.kpiId);
      if (!isFirst) this.#loadSoon();
      isFirst = false;
    });
    return () => {
      stop();
      stopWatching();
      clearTimeout(this.#timer);
      this.#asked += 1;
    };
  }

  /** Read as much as is shown anew: what was there may have changed, too. */
  load(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#loadedAt = performance.now();
    const shown = this.items.peek()?.length ?? 0;
    this.#ask(Math.min(MOST_AT_ONCE, Math.max(this.atOnce, shown)), null);
  }

  more(): void {
    const cursor = this.older.peek();
    if (cursor !== null && !this.busy.peek()) this.#ask(this.atOnce, cursor);
  }

  async #ask(limit: number, cursor: string | null): Promise<void> {
    // An answer that comes late, or to somebody who has gone, is none.
    const asked = this.#asked += 1;
    this.busy.value = true;
    try {
      const about = this.about.length > 0 ? [...this.about] : null;
      const answer = await bos().request("TIMELINE_REQUEST", { entity: { type: "kpi", id: this.kpiId }, limit, about, cursor });
      if (asked !== this.#asked) return;
      const before = cursor === null ? [] : this.items.peek() ?? [];
      this.items.value = [...before, ...answer.items];
      this.older.value = answer.cursor ?? null;
      this.problem.value = "";
    } catch (error) {
      if (asked === this.#asked) this.problem.value = inWords(error);
    } finally {
      if (asked === this.#asked) this.busy.value = false;
    }
  }

  #loadSoon(): void {
    const wait = Math.max(SOON_MS, this.#loadedAt + AGAIN_MS - performance.now());
    this.#timer ??= setTimeout(() => this.load(), wait);
  }
}
