// A KPI's values in a span: from the server, in steps, and then as they come.

import { signal } from "@preact/signals";
import { ask, pages } from "../../app/api.ts";
import { onMessage } from "../../app/connection.ts";
import { inWords } from "../../app/words.ts";
import { type Figure, type Span, type Step, stepOf } from "./period.ts";

export interface Point {
  at: number;
  value: number;
}

export interface Points {
  points: readonly Point[];
  step: Step;
}

const MOST_OF_EACH = 2_000;
const MOST_OF_STEPS = 10_000;
const MOST_LIVE = 2_000; // then they are read again, in steps
const PATIENCE_MS = 1_500;

type Page = { items: { at: string; value: number }[]; next: string | null };

/** Read them; of more than a chart can show each of, a figure of each hour. */
async function read(kpiId: string, span: Span, figure: Figure, signal: AbortSignal): Promise<Points> {
  const step = stepOf(span, Date.now());
  if (step === "raw") {
    const { items, next } = await ask<Page>(addressOf(kpiId, span, { step, limit: `${MOST_OF_EACH}` }), { signal });
    if (next === null) return { step, points: items.map(pointOf) };
  }
  const inSteps = step === "raw" ? "hour" : step;
  const points: Point[] = [];
  const address = addressOf(kpiId, span, { step: inSteps, aggregate: figure, limit: `${MOST_OF_STEPS}` });
  for await (const items of pages<Page["items"][number]>(address, signal)) points.push(...items.map(pointOf));
  return { step: inSteps, points };
}

function addressOf(kpiId: string, { from, to }: Span, more: Record<string, string>): string {
  const parameters = new URLSearchParams(more);
  if (from !== null) parameters.set("from", new Date(from).toISOString());
  if (to !== null) parameters.set("to", new Date(to).toISOString());
  return `/api/v1/kpis/${kpiId}/values?${parameters}`;
}

const pointOf = ({ at, value }: { at: string; value: number }): Point => ({ at: Date.parse(at), value });

/** The points with one that has just come; null where it does not belong at their end. */
export function appended(points: readonly Point[], next: Point, step: Step): Point[] | null {
  const last = points.at(-1);
  if (!last || next.at > last.at) {
    const isSameStep = last && step !== "raw" && Math.floor(next.at / STEP_MS[step]) === Math.floor(last.at / STEP_MS[step]);
    // A step is called by its beginning: what is last in it takes its place.
    return isSameStep ? [...points.slice(0, -1), { at: last.at, value: next.value }] : [...points, next];
  }
  return next.at === last.at ? [...points.slice(0, -1), next] : null;
}

const STEP_MS = { hour: 3_600_000, day: 86_400_000 };

/** The values of one chart: begin it where it is drawn, and call what `begin` returns to end it. */
export class History {
  readonly shown = signal<Points | null>(null);
  readonly problem = signal("");
  #live = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(readonly kpiId: string, readonly span: Span, readonly figure: Figure) {}

  begin(): () => void {
    this.load();
    const stop = onMessage(({ type, payload }) => {
      if (type === "KPI_UPDATED" && payload.kpiId === this.kpiId) this.#take({ at: Date.parse(payload.measuredAt ?? payload.updatedAt), value: payload.value });
      // What was missed comes as the KPI as it is now.
      if (type === "SYNC_UPDATE" && payload.entityType === "kpi" && payload.entityId === this.kpiId) this.#loadSoon();
    });
    return () => {
      stop();
      clearTimeout(this.#timer);
      this.#abort.abort();
    };
  }

  load(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.problem.value = "";
    read(this.kpiId, this.span, this.figure, signal).then((points) => {
      this.#live = 0;
      this.shown.value = points;
    }, (error) => {
      if (!signal.aborted) this.problem.value = inWords(error);
    });
  }

  #take(next: Point): void {
    const now = this.shown.peek();
    if (this.span.to !== null || !now) return;
    const points = this.figure === "last" && this.#live < MOST_LIVE ? appended(now.points, next, now.step) : null;
    if (!points) return this.#loadSoon();
    this.#live += 1;
    this.shown.value = { ...now, points };
  }

  #loadSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load(), PATIENCE_MS);
  }
}
