// Alerts in a list, and what can be done about each.

import type { AlertData, KpiData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useAttempt } from "../../app/attempt.ts";
import { now } from "../../app/clock.ts";
import { bos, user } from "../../app/connection.ts";
import { entity } from "../../app/live.ts";
import { subjectOf } from "../../app/names.ts";
import { kpiPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { moment } from "../../app/words.ts";
import { Button, Menu, Problem } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Ago, Badge, Figure } from "../../ui/shown.tsx";
import { announce, tell } from "../../ui/told.tsx";
import { acknowledge, isSnoozed, mayHandle, snooze, useHandling } from "./handling.ts";
import { duration, snoozes } from "./rules.ts";
import { Severity } from "./Severity.tsx";
import { SnoozeDialog } from "./SnoozeDialog.tsx";

const AT_ONCE = 50;

interface AlertListProps {
  alerts: readonly AlertData[];
  /** Name the KPI, as elsewhere than on its page. */
  withKpi?: boolean;
  /** So many are shown, and more when they are asked for. */
  most?: number;
}

/** Alerts, with what can be done about each: acknowledge, snooze. */
export function AlertList({ alerts, withKpi = false, most = AT_ONCE }: AlertListProps) {
  const added = useSignal(0);
  const shown = most + added.value;
  useHandling();
  useOthers(alerts);
  return (
    <>
      <ul class="alerts-list">
        {alerts.slice(0, shown).map((alert) => <Row key={alert.id} alert={alert} withKpi={withKpi} />)}
      </ul>
      {alerts.length > shown && (
        <p><Button onClick={() => added.value += AT_ONCE}>Show {Math.min(AT_ONCE, alerts.length - shown)} more of {alerts.length}</Button></p>
      )}
    </>
  );
}

/** Tell what others do about those that are shown, as it happens. */
function useOthers(alerts: readonly AlertData[]): void {
  const ids = useRef<ReadonlySet<string>>(new Set());
  ids.current = new Set(alerts.map(({ id }) => id));
  useEffect(() => bos().store.onChange(({ changes }) => {
    for (const { type, id, before, after } of changes) {
      if (type !== "alert" || !before || !ids.current.has(id)) continue;
      if (!after) announce(`Resolved: ${before.message}`);
      else if (before.state === "open" && after.state === "acknowledged" && after.acknowledgedBy !== user.value?.id) {
        tell(`${subjectOf(after.acknowledgedBy)} acknowledged: ${after.message}`);
      }
    }
  }), []);
}

function Row({ alert, withKpi }: { alert: AlertData; withKpi: boolean }) {
  const { id, kpiId, severity, message, value, state } = alert;
  const kpi = entity("kpi", kpiId);
  const unit = kpi?.unit ?? "";
  return (
    <li class="alerts-row panel" data-alert={id} data-state={state} data-severity={severity} tabIndex={-1}>
      <div class="alerts-severity"><Severity level={severity} /></div>
      <div class="alerts-what">
        <p>{withKpi && kpi ? <Named kpi={kpi} message={message} /> : message}</p>
        <p class="small soft alerts-when"><span>Raised <Ago at={alert.raisedAt} /></span><Life alert={alert} /></p>
      </div>
      <dl class="alerts-figures">
        <div><dt>then</dt><dd><Figure value={value} unit={unit} /></dd></div>
        {kpi && <div><dt>now</dt><dd><Figure value={kpi.value} unit={unit} /></dd></div>}
      </dl>
      {state !== "resolved" && mayHandle(alert) && <Actions alert={alert} />}
    </li>
  );
}

/** What an alert says, with a link where it names its KPI, as it mostly does at its beginning. */
function Named({ kpi: { id, name }, message }: { kpi: KpiData; message: string }) {
  const rest = message.startsWith(name) ? message.slice(name.length) : `: ${message}`;
  return <><Link class="alerts-kpi" to={kpiPlace(id)}>{name}</Link>{rest}</>;
}

function Life({ alert }: { alert: AlertData }) {
  const { raisedAt, acknowledgedAt, acknowledgedBy, snoozedUntil, resolvedAt } = alert;
  return (
    <>
      {resolvedAt && <Badge tone="good"><Icon name="check" /><span>Resolved <Ago at={resolvedAt} />, after {duration(raisedAt, resolvedAt)}</span></Badge>}
      {acknowledgedAt && (
        <Badge tone="accent"><Icon name="eye" /><span>{subjectOf(acknowledgedBy)} acknowledged <Ago at={acknowledgedAt} /></span></Badge>
      )}
      {snoozedUntil && !resolvedAt && isSnoozed(alert, now.value) && <Badge><Icon name="clock" />Snoozed until {moment(snoozedUntil)}</Badge>}
    </>
  );
}

function Actions({ alert }: { alert: AlertData }) {
  const attempt = useAttempt();
  const asks = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  // What was pressed is gone then: whoever goes by keyboard goes on from the alert.
  const stay = () => box.current?.closest<HTMLElement>("[data-alert]")?.focus();
  const seen = async () => {
    if (await attempt.run(() => acknowledge(alert.id))) {
      tell(`Acknowledged: ${alert.message}`);
      stay();
    }
  };
  const rest = async (until: Date) => {
    if (await attempt.run(() => snooze(alert.id, until))) tell(`Snoozed until ${moment(until.getTime())}: ${alert.message}`);
  };
  return (
    <div class="alerts-actions" ref={box}>
      {alert.state === "open" && <Button icon="check" busy={attempt.busy} data-acknowledge onClick={seen}>Acknowledge</Button>}
      <Menu label={`Snooze: ${alert.message}`} button={<><Icon name="clock" />Snooze</>}>
        {snoozes(now.value).map(({ label, until }) => <button key={label} type="button" onClick={() => rest(until)}>{label}</button>)}
        <button type="button" onClick={() => asks.value = true}>Until another time …</button>
      </Menu>
      <Problem says={attempt.problem} />
      {asks.value && <SnoozeDialog alert={alert} onClose={() => asks.value = false} />}
    </div>
  );
}
