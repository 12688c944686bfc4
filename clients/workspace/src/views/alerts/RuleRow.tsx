// One alert rule in words, and for managers what can be done about it.

import type { KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { ask } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { nameOf } from "../../app/names.ts";
import { kpiPlace } from "../../app/places.ts";
import { isManager } from "../../app/rights.ts";
import { Link } from "../../app/router.tsx";
import { exactly } from "../../app/words.ts";
import { Button, Dialog, Problem } from "../../ui/controls.tsx";
import { Badge } from "../../ui/shown.tsx";
import { tell } from "../../ui/told.tsx";
import { condition, type Rule, told } from "./rules.ts";
import { RuleForm } from "./RuleForm.tsx";
import { Severity } from "./Severity.tsx";

interface RuleRowProps {
  rule: Rule;
  kpi: KpiData;
  /** Name the KPI, as elsewhere than on its page. */
  withKpi?: boolean;
  onChanged: () => void;
}

export function RuleRow({ rule, kpi, withKpi = false, onChanged }: RuleRowProps) {
  const asked = useSignal<"edit" | "remove" | null>(null);
  const close = () => asked.value = null;
  const when = condition(rule, kpi.unit);
  const owner = kpi.ownerId === null ? null : nameOf(kpi.ownerId);
  return (
    <li class="alerts-rule panel" data-rule={rule.id}>
      <div class="alerts-severity"><Severity level={rule.severity} /></div>
      <div class="grow">
        {withKpi && <h3><Link to={kpiPlace(kpi.id)}>{kpi.name}</Link></h3>}
        <p>Alerts {when}; tells {told(rule, owner, rule.notify.map(nameOf))}.</p>
        {rule.hysteresis > 0 && <p class="small soft">Resolved once it is back by {exactly(rule.hysteresis)} %.</p>}
      </div>
      {rule.isBeyond && <Badge tone="bad">Beyond now</Badge>}
      {!rule.isActive && <Badge>Switched off</Badge>}
      {isManager() && (
        <span class="row">
          <Button kind="plain" icon="edit" label={`Edit the rule: ${when}`} onClick={() => asked.value = "edit"} />
          <Button kind="plain" icon="bin" label={`Remove the rule: ${when}`} onClick={() => asked.value = "remove"} />
        </span>
      )}
      {asked.value === "edit" && <RuleForm kpi={kpi} rule={rule} onSaved={onChanged} onClose={close} />}
      {asked.value === "remove" && <Removal rule={rule} kpi={kpi} onRemoved={onChanged} onClose={close} />}
    </li>
  );
}

function Removal({ rule, kpi, onRemoved, onClose }: { rule: Rule; kpi: KpiData; onRemoved: () => void; onClose: () => void }) {
  const attempt = useAttempt();
  const remove = async () => {
    if (!await attempt.run(() => ask(`/api/v1/alert-rules/${rule.id}`, { method: "DELETE" }))) return;
    tell("The rule is removed.");
    onRemoved();
    onClose();
  };
  return (
    <Dialog title="Remove this rule?" onClose={onClose}>
      <div class="stack">
        <p>{kpi.name} will no longer alert {condition(rule, kpi.unit)}.{rule.isBeyond && " The alert that it has raised is resolved."}</p>
        <Problem says={attempt.problem} />
        <footer>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" icon="bin" busy={attempt.busy} onClick={remove}>Remove</Button>
        </footer>
      </div>
    </Dialog>
  );
}
