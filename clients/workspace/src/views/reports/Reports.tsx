// Reports that are ready, those that are being made, and the form that asks for one.

import type { ReportData, ReportRequest } from "@bos/client";
import { computed } from "@preact/signals";
import { useAttempt } from "../../app/attempt.ts";
import { now } from "../../app/clock.ts";
import { isComplete } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { download } from "../../app/report.ts";
import { isManager } from "../../app/rights.ts";
import { choose, chosen } from "../../app/router.tsx";
import { day } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Button, Problem, SearchBox, Select } from "../../ui/controls.tsx";
import { Ago, Badge, Empty, Loading } from "../../ui/shown.tsx";
import { type Asked, forget, makeReport, making, scopeName } from "./making.ts";
import { RequestForm } from "./RequestForm.tsx";

const FORMATS = { pdf: "PDF", xlsx: "Excel" };

const newestFirst = computed(() => [...all("report").values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt)));

export function Reports() {
  const search = chosen("search");
  const format = chosen("format");
  return (
    <View title="Reports" class="reports">
      {isManager() && <RequestForm />}
      <div class="row">
        <SearchBox label="Search by department or period" value={search} onSearch={(text) => choose({ search: text })} />
        <Select
          label="Format"
          value={format}
          onChoose={(value) => choose({ format: value })}
          options={[{ value: "", label: "All formats" }, ...Object.entries(FORMATS).map(([value, label]) => ({ value, label }))]}
        />
      </div>
      <Listed search={search} format={format} />
      {!isManager() && <p class="small soft">Managers and administrators request reports; all of those that you may read come here.</p>}
    </View>
  );
}

function Listed({ search, format }: { search: string; format: string }) {
  if (!isComplete.value) return <Loading what="the reports" />;
  const text = search.trim().toLocaleLowerCase();
  const fits = ({ scope, from, to, format: own }: Pick<ReportData, "scope" | "from" | "to" | "format">) =>
    (!format || own === format) && (!text || `${scopeName(scope)} ${period(from, to)} ${from} ${to}`.toLocaleLowerCase().includes(text));
  const ready = newestFirst.value.filter(fits);
  const asked = making.value;
  if (!ready.length && !asked.length) {
    return all("report").size
      ? <Empty title="No report is like that" />
      : <Empty title="There are no reports yet"><p>A report shows the KPIs of the organization or of a department over some days, as PDF or Excel. It is kept for a while, and anybody who may read it finds it here.</p></Empty>;
  }
  return (
    <div class="reports-table panel">
      <table>
        <thead>
          <tr><th scope="col">Of</th><th scope="col">Period</th><th scope="col">Format</th><th scope="col">Made</th><th scope="col">Expires</th><th scope="col"><span class="hidden-visually">What can be done</span></th></tr>
        </thead>
        <tbody>
          {asked.map((one) => <Made key={`asked ${one.id}`} asked={one} />)}
          {ready.map((report) => <Ready key={report.id} report={report} />)}
        </tbody>
      </table>
    </div>
  );
}

function period(from: string, to: string): string {
  // Days, which no zone moves: at noon it is the same one almost everywhere.
  const text = (at: string) => day(`${at}T12:00:00`);
  return from === to ? text(from) : `${text(from)} – ${text(to)}`;
}

function What({ scope, from, to, format }: Required<ReportRequest>) {
  return (
    <>
      <th scope="row">{scopeName(scope)}</th>
      <td data-label="Period">{period(from, to)}</td>
      <td data-label="Format">{FORMATS[format]}</td>
    </>
  );
}

function Made({ asked: { id, request, at, problem } }: { asked: Asked }) {
  return (
    <tr data-report-asked={problem ? "failed" : "making"}>
      <What {...request} format={request.format ?? "pdf"} />
      {problem
        ? (
          <>
            <td colSpan={2}><p class="problem" role="alert">{problem}</p></td>
            <td class="reports-act">
              <Button onClick={() => (forget(id), void makeReport(request))}>Try again</Button>
              <Button kind="plain" icon="close" label="Dismiss" onClick={() => forget(id)} />
            </td>
          </>
        )
        : <td colSpan={3}><span class="reports-making" role="status">Being made, requested <Ago at={at} />. It comes by itself.</span></td>}
    </tr>
  );
}

function Ready({ report }: { report: ReportData }) {
  const { id, scope, from, to, createdAt, expiresAt } = report;
  const isExpired = Date.parse(expiresAt) <= now.value;
  const attempt = useAttempt();
  return (
    <tr data-report={id}>
      <What {...report} />
      <td data-label="Made"><Ago at={createdAt} /></td>
      <td data-label="Expires">{isExpired ? <Badge tone="warning">Expired</Badge> : <Ago at={expiresAt} />}</td>
      <td class="reports-act">
        {isExpired
          ? isManager() && <Button onClick={() => void makeReport({ scope, from, to, format: report.format })}>Request again</Button>
          : <Button icon="download" busy={attempt.busy} data-download aria-label={`Download: ${scopeName(scope)}, ${period(from, to)}`} onClick={() => attempt.run(() => download(report.url))}>Download</Button>}
        <Problem says={attempt.problem} />
      </td>
    </tr>
  );
}
