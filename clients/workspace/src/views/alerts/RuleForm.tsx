// Add or change an alert rule: what it is, whom it tells, and how often it would have alerted.

import type { KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ask } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { draft } from "../../app/drafts.ts";
import { nameOf, people } from "../../app/names.ts";
import { day, inWords, problemsOf } from "../../app/words.ts";
import { Button, Dialog, Field, Problem, Segments } from "../../ui/controls.tsx";
import { tell } from "../../ui/told.tsx";
import { HAS, type Kind, KIND_WORDS, newRule, type Rule, sentOf, SEVERITIES, type Trial, type Typed, typedOf } from "./rules.ts";
import { Severity } from "./Severity.tsx";

interface RuleFormProps {
  kpi: KpiData;
  /** The rule that is changed; null: a new one. */
  rule: Rule | null;
  onSaved: () => void;
  onClose: () => void;
}

const FIELDS = ["kind", "threshold", "hours", "forMinutes", "hysteresis", "severity", "notify"];

export function RuleForm({ kpi, rule, onSaved, onClose }: RuleFormProps) {
  const kept = draft(rule ? `alert rule ${rule.id}` : `alert rule of ${kpi.id}`);
  const typed: Typed = kept.value ? JSON.parse(kept.value) : rule ? typedOf(rule) : newRule(kpi);
  const attempt = useAttempt();
  const trying = useAttempt();
  const problems = useSignal<Record<string, string>>({});
  const trial = useSignal<Trial | null>(null);
  const set = (change: Partial<Typed>) => {
    kept.value = JSON.stringify({ ...typed, ...change });
    trial.value = null;
  };
  /** What is wrong with a field is said beside it, all else below the form. */
  const send = (act: () => Promise<void>) => async () => {
    problems.value = {};
    try {
      await act();
    } catch (error) {
      problems.value = problemsOf(error);
      const others = Object.entries(problems.value).filter(([field]) => !FIELDS.includes(field)).map(([, says]) => says);
      if (others.length) throw new Error(others.join(" "));
      if (!Object.keys(problems.value).length) throw new Error(inWords(error));
    }
  };
  const fields = () => ({ kpiId: kpi.id, ...sentOf(typed) });
  const save = () => attempt.run(send(async () => {
    const address = rule ? `/api/v1/alert-rules/${rule.id}` : "/api/v1/alert-rules";
    const { warnings } = await ask<{ warnings: string[] }>(address, { method: rule ? "PATCH" : "POST", body: fields() });
    tell(["The rule is saved.", ...warnings].join(" "));
    kept.value = "";
    onSaved();
    onClose();
  }));
  const tryIt = () => trying.run(send(async () => {
    trial.value = await ask<Trial>("/api/v1/alert-rules/try", { method: "POST", body: { ...fields(), ...(rule && { id: rule.id }) } });
  }));
  const cancel = () => {
    kept.value = "";
    onClose();
  };
  return (
    <Dialog title={rule ? "Change the rule" : `Add a rule for ${kpi.name}`} onClose={onClose}>
      <form class="alerts-form" noValidate onSubmit={(event) => (event.preventDefault(), save())}>
        <Condition typed={typed} unit={kpi.unit} problems={problems.value} set={set} />
        <Segments
          label="Severity"
          value={typed.severity}
          onChoose={(severity) => set({ severity })}
          options={SEVERITIES.map((value) => ({ value, label: <Severity level={value} /> }))}
        />
        <Notified kpi={kpi} typed={typed} problem={problems.value.notify ?? ""} set={set} />
        <Check checked={typed.isActive} onCheck={(isActive) => set({ isActive })}>Switched on</Check>
        <div class="alerts-trial" role="status" data-trial>
          <Button icon="clock" busy={trying.busy} onClick={tryIt}>Try it on the last 90 days</Button>
          <Problem says={trying.problem} />
          {trial.value && <Tried trial={trial.value} />}
        </div>
        <Problem says={attempt.problem} />
        <footer>
          <Button onClick={cancel}>Cancel</Button>
          <Button kind="primary" type="submit" busy={attempt.busy}>{rule ? "Save" : "Add the rule"}</Button>
        </footer>
      </form>
    </Dialog>
  );
}

type Set = (change: Partial<Typed>) => void;

function Condition({ typed, unit, problems, set }: { typed: Typed; unit: string; problems: Record<string, string>; set: Set }) {
  const has = HAS[typed.kind];
  const number = (name: "threshold" | "hours" | "forMinutes" | "hysteresis", label: string, hint?: string) => (
    <Field label={label} hint={hint} problem={problems[name]}>
      {(ids) => <input {...ids} name={name} inputMode="decimal" autocomplete="off" value={typed[name]} onInput={({ currentTarget }) => set({ [name]: currentTarget.value })} />}
    </Field>
  );
  const inUnit = typed.kind === "change" ? "%" : unit;
  return (
    <>
      <Field label="Alert when" problem={problems.kind}>
        {(ids) => (
          <select {...ids} name="kind" value={typed.kind} onChange={({ currentTarget }) => set({ kind: currentTarget.value as Kind })}>
            {Object.entries(KIND_WORDS).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </select>
        )}
      </Field>
      <div class="alerts-fields">
        {has.threshold && number("threshold", `${typed.kind === "change" ? "By" : "Value"}${inUnit && `, in ${inUnit}`}`)}
        {has.hours && number("hours", typed.kind === "change" ? "Within, in hours" : "For, in hours")}
        {has.lasting && number("forMinutes", "For, in minutes", "0: it alerts at once.")}
        {has.lasting && number("hysteresis", "Back by, in %", "So far inside it is resolved. 0: as soon as it is back.")}
      </div>
    </>
  );
}

function Notified({ kpi, typed, problem, set }: { kpi: KpiData; typed: Typed; problem: string; set: Set }) {
  const others = people.value.filter(({ id }) => !typed.notify.includes(id));
  const owner = kpi.ownerId === null ? "it has none" : nameOf(kpi.ownerId);
  return (
    <>
      <Check checked={typed.notifyOwner} onCheck={(notifyOwner) => set({ notifyOwner })}>Tell the KPI’s owner ({owner})</Check>
      <Field label="Also tell" problem={problem}>
        {(ids) => (
          <select {...ids} name="notify" value="" onChange={({ currentTarget }) => set({ notify: [...typed.notify, currentTarget.value] })}>
            <option value="">Add somebody …</option>
            {others.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
          </select>
        )}
      </Field>
      {typed.notify.length > 0 && (
        <ul class="row" aria-label="Also told">
          {typed.notify.map((id) => (
            <li key={id} class="alerts-person">
              {nameOf(id)}
              <Button kind="plain" icon="close" label={`Do not tell ${nameOf(id)}`} onClick={() => set({ notify: typed.notify.filter((one) => one !== id) })} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Check({ checked, onCheck, children }: { checked: boolean; onCheck: (checked: boolean) => void; children: ComponentChildren }) {
  return <label class="alerts-check"><input type="checkbox" checked={checked} onChange={({ currentTarget }) => onCheck(currentTarget.checked)} /> {children}</label>;
}

function Tried({ trial: { text, days, notes } }: { trial: Trial }) {
  return (
    <>
      <p><b>{text}</b></p>
      {days.length > 0 && (
        <ul class="alerts-days">
          {days.toReversed().map(({ day: at, count }) => <li key={at}>{day(`${at}T12:00:00Z`)}{count > 1 && ` (${count} times)`}</li>)}
        </ul>
      )}
      {notes.map((note) => <p key={note} class="small soft">{note}</p>)}
    </>
  );
}
