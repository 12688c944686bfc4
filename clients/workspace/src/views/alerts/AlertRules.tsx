// The rules by which a KPI alerts, in words.

import type { KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { ask } from "../../app/api.ts";
import { useLoaded } from "../../app/loaded.ts";
import { alertsOf } from "../../app/of_kpi.ts";
import { isManager } from "../../app/rights.ts";
import { Button } from "../../ui/controls.tsx";
import { Failed, Loading } from "../../ui/shown.tsx";
import type { Rule } from "./rules.ts";
import { RuleForm } from "./RuleForm.tsx";
import { RuleRow } from "./RuleRow.tsx";

const MOST = 100;

/** The rules by which a KPI alerts: to see, and for managers to add, change and remove. */
export function AlertRules({ kpi }: { kpi: KpiData }) {
  const adds = useSignal(false);
  const alerting = alertsOf(kpi.id).map(({ id }) => id).join(" ");
  const { found, problem, again } = useLoaded(
    async (signal) => (await ask<{ items: Rule[] }>(`/api/v1/alert-rules?kpi=${kpi.id}&limit=${MOST}`, { signal })).items,
    [kpi.id, alerting],
  );
  const rules = found.value;
  return (
    <section class="alerts-rules stack" data-alert-rules aria-labelledby="alerts-rules-title">
      <header class="row">
        <h2 id="alerts-rules-title" class="grow">Alert rules</h2>
        {isManager() && rules && <Button icon="plus" data-add-rule onClick={() => adds.value = true}>Add a rule</Button>}
      </header>
      {problem && <Failed problem={problem} retry={again} />}
      {!problem && !rules && <Loading what="the rules" />}
      {rules?.length === 0 && (
        <p class="soft">Nothing alerts yet. {isManager() ? "Add a rule, and those whom it names are told when this KPI goes beyond it." : "Managers add rules."}</p>
      )}
      {!!rules?.length && (
        <ul class="alerts-list">{rules.map((rule) => <RuleRow key={rule.id} rule={rule} kpi={kpi} onChanged={again} />)}</ul>
      )}
      {adds.value && <RuleForm kpi={kpi} rule={null} onSaved={again} onClose={() => adds.value = false} />}
    </section>
  );
}
