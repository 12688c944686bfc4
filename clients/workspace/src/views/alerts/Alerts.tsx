// What is wrong, the worst first; and what has been.

import type { AlertData } from "@bos/client";
import { computed } from "@preact/signals";
import { now } from "../../app/clock.ts";
import { isComplete } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { kpiNames } from "../../app/names.ts";
import { choose, chosen } from "../../app/router.tsx";
import { View } from "../../frame/View.tsx";
import { SearchBox, Segments, Select } from "../../ui/controls.tsx";
import { Empty, Loading } from "../../ui/shown.tsx";
import { AlertList } from "./AlertList.tsx";
import { AllRules } from "./AllRules.tsx";
import { isSnoozed } from "./handling.ts";
import { PastAlerts } from "./PastAlerts.tsx";
import { SEVERITIES, SEVERITY_WORDS } from "./rules.ts";

type State = "" | "open" | "snoozed" | "acknowledged" | "past" | "rules";
type Present = Exclude<State, "" | "past" | "rules">;

const SECTIONS: Record<Present, string> = { open: "Open", snoozed: "Snoozed", acknowledged: "Acknowledged" };

/** Unresolved alerts by what is done about them, the worst and then the newest first. */
const present = computed(() => {
  const sections: Record<Present, AlertData[]> = { open: [], snoozed: [], acknowledged: [] };
  for (const alert of all("alert").values()) {
    sections[alert.state === "acknowledged" ? "acknowledged" : isSnoozed(alert, now.value) ? "snoozed" : "open"].push(alert);
  }
  for (const alerts of Object.values(sections)) alerts.sort(order);
  return sections;
});

function order(a: AlertData, b: AlertData): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.raisedAt.localeCompare(a.raisedAt);
}

export function Alerts() {
  const state = chosen("state") as State;
  const severity = chosen("severity");
  const search = chosen("search");
  const sections = present.value;
  const counted = (name: Present) => <>{SECTIONS[name]} <b class="alerts-count" data-count={name}>{sections[name].length}</b></>;
  return (
    <View title="Alerts" class="alerts">
      <div class="row">
        <SearchBox label="Search by KPI" value={search} onSearch={(text) => choose({ search: text })} />
        <Segments
          label="State"
          value={state}
          onChoose={(value) => choose({ state: value })}
          options={[
            { value: "", label: "All unresolved" },
            { value: "open", label: counted("open") },
            { value: "snoozed", label: counted("snoozed") },
            { value: "acknowledged", label: counted("acknowledged") },
            { value: "past", label: "Past" },
            { value: "rules", label: "Rules" },
          ]}
        />
        <Select
          label="Severity"
          value={severity}
          onChoose={(value) => choose({ severity: value })}
          options={[{ value: "", label: "All severities" }, ...SEVERITIES.map((value) => ({ value, label: SEVERITY_WORDS[value] }))]}
        />
      </div>
      <Shown state={state} search={search} severity={severity} />
    </View>
  );
}

interface Chosen<Of extends State> {
  state: Of;
  search: string;
  severity: string;
}

function Shown({ state, ...chosen }: Chosen<State>) {
  if (state === "past") return <PastAlerts {...chosen} />;
  if (state === "rules") return <AllRules {...chosen} />;
  return <Present state={state} {...chosen} />;
}

function Present({ state, search, severity }: Chosen<Present | "">) {
  if (!isComplete.value) return <Loading what="the alerts" />;
  const names = kpiNames.value;
  const text = search.trim().toLocaleLowerCase();
  const fits = ({ kpiId, message, severity: own }: AlertData) =>
    (!severity || own === severity) && (!text || `${names.get(kpiId) ?? ""} ${message}`.toLocaleLowerCase().includes(text));
  const sections = (Object.keys(SECTIONS) as Present[]).filter((name) => !state || name === state);
  const shown = sections.map((name) => ({ name, alerts: present.value[name].filter(fits) })).filter(({ alerts }) => alerts.length);
  if (shown.length) {
    return (
      <>
        {shown.map(({ name, alerts }) => (
          <section key={name} class="stack" data-section={name} aria-labelledby={`alerts-${name}`}>
            <h2 id={`alerts-${name}`}>{SECTIONS[name]} <span class="soft">{alerts.length}</span></h2>
            <AlertList alerts={alerts} withKpi />
          </section>
        ))}
      </>
    );
  }
  if (all("alert").size) return <Empty title="No alert is like that"><p>None that is unresolved. Those that are over are under “Past”.</p></Empty>;
  return (
    <Empty title="All is well">
      <p>No KPI is beyond what its alert rules allow. Managers add rules under “Rules”, or on the page of a KPI; what is over is under “Past”.</p>
    </Empty>
  );
}
