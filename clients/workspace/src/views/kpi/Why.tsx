// 'Why is it this number?': all that has happened to a KPI on one line of time.

import type { EntityRef, KpiData } from "@bos/client";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { state } from "../../app/connection.ts";
import { notePlace } from "../../app/places.ts";
import { isAdmin } from "../../app/rights.ts";
import { choose, chosen, Link } from "../../app/router.tsx";
import { day, moment } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import { Icon, type IconName } from "../../ui/icons.tsx";
import { Failed, Loading } from "../../ui/shown.tsx";
import { Happenings, type Subject, SUBJECTS } from "./happenings.ts";
import { byDay } from "./items.ts";
import { doneBy, happened, type Item } from "./words.ts";

const LABELS: Record<Subject, string> = { values: "Values", changes: "Targets and changes", imports: "Imports", alerts: "Alerts", insights: "Insights", notes: "Notes" };
const SHOWN: Record<Item["kind"], { icon: IconName; label: string }> = {
  value: { icon: "edit", label: "Value" },
  target: { icon: "flag", label: "Target" },
  change: { icon: "settings", label: "Change" },
  imported: { icon: "download", label: "Import" },
  alert: { icon: "alerts", label: "Alert" },
  anomaly: { icon: "eye", label: "Unusual" },
  forecast: { icon: "right", label: "Forecast" },
  advice: { icon: "right", label: "Recommendation" },
  note: { icon: "note", label: "Note" },
};
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

export function Why({ kpi: { id, unit } }: { kpi: KpiData }) {
  const only = chosen("why");
  const about = useMemo(() => SUBJECTS.filter((subject) => only.split(".").includes(subject)), [only]);
  const happenings = useMemo(() => new Happenings(id, about), [id, about]);
  useEffect(() => happenings.begin(), [happenings]);
  const isLive = state.value?.state === "live";
  useEffect(() => {
    if (isLive && happenings.problem.peek()) happenings.load();
  }, [isLive, happenings]);
  const { items: { value: items }, problem: { value: problem }, older: { value: older }, busy: { value: busy } } = happenings;
  const toggle = (subject: Subject) => {
    const next = SUBJECTS.filter((one) => about.includes(one) !== (one === subject));
    choose({ why: next.length === SUBJECTS.length ? "" : next.join(".") });
  };
  return (
    <section class="panel kpi-why" aria-labelledby="why-title" data-why aria-busy={busy}>
      <header><h2 id="why-title">Why is it this number?</h2></header>
      <div class="kpi-why-filter" role="group" aria-label="Show only">
        <button type="button" class="kpi-chip" aria-pressed={about.length === 0} onClick={() => choose({ why: "" })}>All</button>
        {SUBJECTS.map((subject) => (
          <button key={subject} type="button" class="kpi-chip" aria-pressed={about.includes(subject)} data-about={subject} onClick={() => toggle(subject)}>{LABELS[subject]}</button>
        ))}
      </div>
      {items === null && !problem && <Loading what="what has happened" />}
      {items?.length === 0 && <p class="soft">{about.length > 0 ? "Nothing of this kind has happened." : "Nothing has happened to it yet."}</p>}
      {byDay(items ?? [], day).map(([of, some]) => (
        <div key={of} class="kpi-day">
          <h3>{of}</h3>
          <ol>{some.map((item) => <Happened key={keyOf(item)} item={item} unit={unit} kpiId={id} />)}</ol>
        </div>
      ))}
      {problem && <Failed problem={problem} retry={() => happenings.load()} />}
      {older !== null && <Button busy={busy} data-older onClick={() => happenings.more()}>Older</Button>}
    </section>
  );
}

function Happened({ item, unit, kpiId }: { item: Item; unit: string; kpiId: string }) {
  const { icon, label } = SHOWN[item.kind];
  const by = doneBy(item);
  return (
    <li class={`kpi-item ${item.kind} ${toneOf(item)}`} data-item={item.kind}>
      <Icon name={icon} />
      <div class="kpi-item-says">
        <p class="kpi-item-text"><span class="kpi-item-kind">{label}</span> <Linked item={item} kpiId={kpiId}>{happened(item, unit)}</Linked></p>
        <p class="small soft">{by && `${by} · `}<time dateTime={item.at} title={moment(item.at)}>{clock.format(new Date(item.at))}</time></p>
      </div>
    </li>
  );
}

/** Its words, as a link to where there is more of it. */
function Linked({ item, kpiId, children }: { item: Item; kpiId: string; children: ComponentChildren }) {
  if (item.kind === "note") {
    const entity: EntityRef = { type: "kpi", id: kpiId };
    return <Link to={notePlace({ id: item.annotationId, sessionId: item.sessionId, entity })}>{children}</Link>;
  }
  if (item.kind === "imported" && isAdmin()) return <a href={`/admin/bos/import/${item.importId}/change/`}>{children}</a>;
  return <>{children}</>;
}

function toneOf(item: Item): string {
  if (item.kind === "anomaly") return "warning";
  if (item.kind !== "alert") return "";
  if (item.change !== "raised") return "good";
  return item.severity === "critical" ? "bad" : "warning";
}

function keyOf(item: Item): string {
  const id = "alertId" in item ? item.alertId : "annotationId" in item ? item.annotationId : "insightId" in item ? item.insightId : "importId" in item ? item.importId : "";
  return [item.kind, item.at, id, "change" in item ? item.change : "", "value" in item ? item.value : ""].join(" ");
}
