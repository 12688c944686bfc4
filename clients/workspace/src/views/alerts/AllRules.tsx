// The alert rules of all KPIs that the user may see.

import { useSignal } from "@preact/signals";
import { pages } from "../../app/api.ts";
import { isComplete } from "../../app/connection.ts";
import { entity } from "../../app/live.ts";
import { useLoaded } from "../../app/loaded.ts";
import { kpiNames } from "../../app/names.ts";
import { isManager } from "../../app/rights.ts";
import { alphabet } from "../../app/words.ts";
import { Button, Dialog, Field } from "../../ui/controls.tsx";
import { Empty, Failed, Loading } from "../../ui/shown.tsx";
import { RuleForm } from "./RuleForm.tsx";
import { RuleRow } from "./RuleRow.tsx";
import type { Rule } from "./rules.ts";

const PAGE = 1_000;
const AT_ONCE = 50;

export function AllRules({ search, severity }: { search: string; severity: string }) {
  const most = useSignal(AT_ONCE);
  const asked = new URLSearchParams({ limit: `${PAGE}`, ...(severity && { severity }) });
  const { found, problem, again } = useLoaded((signal) => load(`/api/v1/alert-rules?${asked}`, signal), [`${asked}`]);
  const rules = found.value;
  if (problem) return <Failed problem={problem} retry={again} />;
  if (!rules || !isComplete.value) return <Loading what="the alert rules" />;
  const names = kpiNames.value;
  const text = search.trim().toLocaleLowerCase();
  const nameOf = ({ kpiId }: Rule) => names.get(kpiId) ?? "";
  const shown = rules.filter((rule) => nameOf(rule).toLocaleLowerCase().includes(text)).sort((a, b) => alphabet.compare(nameOf(a), nameOf(b)));
  return (
    <section class="stack" data-section="rules" aria-label="Alert rules">
      {isManager() && <Adding onSaved={again} />}
      {shown.length === 0 && (
        <Empty title={rules.length ? "No rule is like that" : "There are no alert rules yet"}>
          <p>A rule says when a KPI alerts, and who is told.</p>
        </Empty>
      )}
      <ul class="alerts-list">
        {shown.slice(0, most.value).map((rule) => <Row key={rule.id} rule={rule} onChanged={again} />)}
      </ul>
      {shown.length > most.value && <p><Button onClick={() => most.value += AT_ONCE}>Show more of {shown.length}</Button></p>}
    </section>
  );
}

function Row({ rule, onChanged }: { rule: Rule; onChanged: () => void }) {
  const kpi = entity("kpi", rule.kpiId);
  return kpi ? <RuleRow rule={rule} kpi={kpi} withKpi onChanged={onChanged} /> : null;
}

async function load(address: string, signal: AbortSignal): Promise<Rule[]> {
  const found: Rule[] = [];
  for await (const page of pages<Rule>(address, signal)) found.push(...page);
  return found;
}

/** Add a rule: to which KPI comes first. */
function Adding({ onSaved }: { onSaved: () => void }) {
  const step = useSignal<"" | "kpi" | "rule">("");
  const chosen = useSignal("");
  const kpi = entity("kpi", chosen.value);
  const close = () => step.value = "";
  return (
    <div>
      <Button icon="plus" data-add-rule onClick={() => step.value = "kpi"}>Add a rule</Button>
      {step.value === "kpi" && <KpiDialog chosen={chosen.value} onChoose={(id) => chosen.value = id} onNext={() => step.value = "rule"} onClose={close} />}
      {step.value === "rule" && kpi && <RuleForm kpi={kpi} rule={null} onSaved={onSaved} onClose={close} />}
    </div>
  );
}

interface KpiDialogProps {
  chosen: string;
  onChoose: (id: string) => void;
  onNext: () => void;
  onClose: () => void;
}

function KpiDialog({ chosen, onChoose, onNext, onClose }: KpiDialogProps) {
  const kpis = [...kpiNames.value].sort(([, a], [, b]) => alphabet.compare(a, b));
  const problem = useSignal("");
  const next = () => chosen ? onNext() : void (problem.value = "Of which KPI?");
  return (
    <Dialog title="Add a rule" onClose={onClose}>
      <form noValidate onSubmit={(event) => (event.preventDefault(), next())}>
        <Field label="KPI" problem={problem.value}>
          {(ids) => (
            <select {...ids} name="kpi" value={chosen} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
              <option value="">Choose a KPI …</option>
              {kpis.map(([id, name]) => <option key={id} value={id}>{name}</option>)}
            </select>
          )}
        </Field>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit">Next</Button>
        </footer>
      </form>
    </Dialog>
  );
}
