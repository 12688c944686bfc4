// The rules by which a KPI alerts, in words.

import type { KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../../app/api.ts";
import { alertsOf } from "../../app/of_kpi.ts";
import { isManager } from "../../app/rights.ts";
import { inWords } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import { Failed, Loading } from "../../ui/shown.tsx";
import type { Rule } from "./rules.ts";
import { RuleForm } from "./RuleForm.tsx";
import { RuleRow } from "./RuleRow.tsx";

const MOST = 100;

/** The rules by which a KPI alerts: to see, and for managers to add, change and remove. */
export function AlertRules({ kpi }: { kpi: KpiData }) {
  const rules = useSignal<Rule[] | null>(null);
  const problem = useSignal("");
  const times = useSignal(0);
  const adds = useSignal(false);
  const again = () => times.value += 1;
  const alerting = alertsOf(kpi.id).map(({ id }) => id).join(" ");
  useEffect(() => {
    const stopped = new AbortController();
    ask<{ items: Rule[] }>(`/api/v1/alert-rules?kpi=${kpi.id}&limit=${MOST}`, { signal: stopped.signal }).then(
      ({ items }) => {
        rules.value = items;
        problem.value = "";
      },
      (error) => {
        if (!stopped.signal.aborted) problem.value = inWords(error);
      },
    );
    return () => stopped.abort();
  }, [kpi.id, times.value, alerting]);
  return (
    <section class="alerts-rules stack" data-alert-rules aria-labelledby="alerts-rules-title">
      <header class="row">
        <h2 id="alerts-rules-title" class="grow">Alert rules</h2>
        {isManager() && rules.value && <Button icon="plus" data-add-rule onClick={() => adds.value = true}>Add a rule</Button>}
      </header>
      {problem.value && <Failed problem={problem.value} retry={again} />}
      {!problem.value && !rules.value && <Loading what="the rules" />}
      {rules.value?.length === 0 && (
        <p class="soft">Nothing alerts yet. {isManager() ? "Add a rule, and those whom it names are told when this KPI goes beyond it." : "Managers add rules."}</p>
      )}
      {!!rules.value?.length && (
        <ul class="alerts-list">{rules.value.map((rule) => <RuleRow key={rule.id} rule={rule} kpi={kpi} onChanged={again} />)}</ul>
      )}
      {adds.value && <RuleForm kpi={kpi} rule={null} onSaved={again} onClose={() => adds.value = false} />}
    </section>
  );
}
