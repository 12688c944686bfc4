// What a session is to be that is about to be started: kept until it is.

import type { Signal } from "@preact/signals";
import { draft } from "../../app/drafts.ts";

export interface Plan {
  title: string;
  space: string;
  audience: "everybody" | "invited";
  invited: string[];
  size: string;
}

export const MOST_PLACES = 200;
const NOTHING: Plan = { title: "", space: "All KPIs", audience: "everybody", invited: [], size: "50" };
const NAME = "session to start";

/** The plan as it was typed so far. */
export function planned(typed: Signal<string> = draft(NAME)): Plan {
  return typed.value ? { ...NOTHING, ...JSON.parse(typed.value) as Partial<Plan> } : NOTHING;
}

export function plan(changes: Partial<Plan>): void {
  draft(NAME).value = JSON.stringify({ ...planned(), ...changes });
}

export function forgetPlan(): void {
  draft(NAME).value = "";
}

/** Have this user be among the invited of the next session. */
export function startWith(userId: string): void {
  const { invited } = planned();
  plan({ audience: "invited", invited: [...new Set([...invited, userId])] });
}
