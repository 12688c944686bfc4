// Values that the user is setting. They outlive what shows them: a card that is filtered away, another view, a sign-in.

import { ClosedError, GivenUp, type KpiData } from "@bos/client";
import { batch, computed, type Signal, signal } from "@preact/signals";
import { bos } from "../../app/connection.ts";
import { draft, draftsNamed } from "../../app/drafts.ts";
import { signedInAs } from "../../app/session.ts";
import { inWords } from "../../app/words.ts";
import { notANumber, numberIn, typedAs } from "./typed.ts";

const DRAFT = "value of ";
const SIGNED_OUT = "This was not saved: the sign-in ended first. Save it again.";

/** The value of one KPI, as the user is setting it. */
export interface Setting {
  isOpen: Signal<boolean>;
  text: Signal<string>;
  /** Of the text: kept until the server has it. */
  draft: Signal<string>;
  /** The value that was shown when it was begun. */
  before: Signal<number | null>;
  problem: Signal<string>;
  /** Withdraws what is being sent; null while nothing is. */
  sending: Signal<AbortController | null>;
}

const settings = new Map<string, Setting>();
const version = signal(0);

/** KPIs whose value the user is setting: they stay in sight. */
export const beingSet = computed<ReadonlySet<string>>(() => {
  void version.value;
  const prefix = keyOf("");
  const open = [...settings].filter(([key, { isOpen }]) => key.startsWith(prefix) && isOpen.value);
  return new Set([...open.map(([key]) => key.slice(prefix.length)), ...draftsNamed(DRAFT)]);
});

const keyOf = (kpiId: string) => `${signedInAs.value} ${kpiId}`;

export function settingOf({ id, value }: KpiData): Setting {
  const key = keyOf(id);
  let found = settings.get(key);
  if (!found) {
    const kept = draft(`${DRAFT}${id}`);
    found = {
      isOpen: signal(kept.peek() !== ""),
      text: signal(kept.peek()),
      draft: kept,
      before: signal(value),
      problem: signal(""),
      sending: signal(null),
    };
    settings.set(key, found);
  }
  return found;
}

export function begin(kpi: KpiData): void {
  const { isOpen, text, before, problem } = settingOf(kpi);
  batch(() => {
    text.value = typedAs(kpi.value);
    before.value = kpi.value;
    problem.value = "";
    isOpen.value = true;
    version.value += 1;
  });
}

export function type(kpi: KpiData, typed: string): void {
  const { text, draft: kept, problem } = settingOf(kpi);
  batch(() => {
    text.value = kept.value = typed;
    problem.value = "";
  });
}

/** Send what was typed, at once or as soon as there is a connection. */
export async function save(kpi: KpiData): Promise<void> {
  const setting = settingOf(kpi);
  const { text, problem, sending } = setting;
  if (sending.peek()) return;
  const value = numberIn(text.peek());
  if (value === null) return void (problem.value = notANumber(text.peek()));
  if (value === kpi.value) return close(setting);
  const own = new AbortController();
  batch(() => {
    sending.value = own;
    problem.value = "";
  });
  try {
    await send(kpi.id, value, own.signal);
    if (sending.peek() === own) close(setting);
  } catch (error) {
    if (sending.peek() !== own) return; // cancelled meanwhile
    batch(() => {
      sending.value = null;
      problem.value = error instanceof ClosedError && !error.sent ? SIGNED_OUT : inWords(error);
    });
  }
}

/** However long there is no connection: what has not been sent by then is asked for again. */
async function send(kpiId: string, value: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return void await bos().request("KPI_UPDATE", { kpiId, value }, { signal });
    } catch (error) {
      if (!(error instanceof GivenUp) || error.sent) throw error;
    }
  }
}

/** What was not sent yet is not sent; what was comes back as any other change. */
export function cancel(kpi: KpiData): void {
  const setting = settingOf(kpi);
  const { sending } = setting;
  const own = sending.peek();
  close(setting);
  own?.abort();
}

function close({ isOpen, text, draft: kept, problem, sending }: Setting): void {
  batch(() => {
    isOpen.value = false;
    text.value = kept.value = problem.value = "";
    sending.value = null;
    version.value += 1;
  });
}
