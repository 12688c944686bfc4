// Ask for a report: of what, of which days, in which format.

import type { ReportRequest } from "@bos/client";
import { useSignal } from "@preact/signals";
import { user } from "../../app/connection.ts";
import { draft } from "../../app/drafts.ts";
import { all } from "../../app/live.ts";
import { choose, chosen } from "../../app/router.tsx";
import { Button, Field, Segments } from "../../ui/controls.tsx";
import { announce } from "../../ui/told.tsx";
import { departmentWays, makeReport } from "./making.ts";
import { type Period, presets, problemsOf } from "./periods.ts";

interface Typed extends Period {
  format: "pdf" | "xlsx";
}

const USUAL = 1; // last month

export function RequestForm() {
  const kept = draft("report request");
  const usual = presets(new Date());
  const typed: Typed = kept.value ? JSON.parse(kept.value) : { ...usual[USUAL]?.period, format: "pdf" };
  const set = (change: Partial<Typed>) => kept.value = JSON.stringify({ ...typed, ...change });
  const problems = useSignal<{ from?: string; to?: string }>({});
  const [organization] = all("organization").values();
  const departmentId = chosen("scope") === "department" && all("department").has(chosen("id")) ? chosen("id") : "";
  const submit = async () => {
    problems.value = problemsOf(typed);
    if (Object.keys(problems.value).length) return;
    const scope: ReportRequest["scope"] = departmentId
      ? { type: "department", id: departmentId }
      : { type: "organization", id: user.value?.organizationId ?? "" };
    announce("The report is being made.");
    const sent = kept.value;
    if (await makeReport({ scope, ...typed }) && kept.value === sent) kept.value = "";
  };
  const known = usual.find(({ period }) => period.from === typed.from && period.to === typed.to);
  return (
    <form class="reports-form panel" aria-label="Request a report" data-request-report noValidate onSubmit={(event) => (event.preventDefault(), void submit())}>
      <Field label="Report of">
        {(ids) => (
          <select {...ids} name="scope" value={departmentId} onChange={({ currentTarget: { value } }) => choose({ scope: value && "department", id: value })}>
            <option value="">{organization?.name ?? "The organization"}, all departments</option>
            {departmentWays.value.map(({ id, way }) => <option key={id} value={id}>{way}</option>)}
          </select>
        )}
      </Field>
      <div class="field">
        <span class="reports-legend" aria-hidden="true">Period</span>
        <Segments
          label="Period"
          value={known?.label ?? ""}
          onChoose={(label) => set(usual.find((one) => one.label === label)?.period ?? {})}
          options={usual.map(({ label }) => ({ value: label, label }))}
        />
      </div>
      <div class="reports-days">
        <Day name="from" label="From" value={typed.from} problem={problems.value.from} onType={(from) => set({ from })} />
        <Day name="to" label="To" value={typed.to} problem={problems.value.to} onType={(to) => set({ to })} />
      </div>
      <div class="field">
        <span class="reports-legend" aria-hidden="true">Format</span>
        <Segments label="Format" value={typed.format} onChoose={(format) => set({ format })} options={[{ value: "pdf", label: "PDF" }, { value: "xlsx", label: "Excel" }]} />
      </div>
      <Button kind="primary" type="submit">Request</Button>
    </form>
  );
}

interface DayProps {
  name: string;
  label: string;
  value: string;
  problem?: string;
  onType: (day: string) => void;
}

function Day({ name, label, value, problem, onType }: DayProps) {
  return (
    <Field label={label} problem={problem}>
      {(ids) => <input {...ids} name={name} type="date" value={value} onInput={({ currentTarget }) => onType(currentTarget.value)} />}
    </Field>
  );
}
