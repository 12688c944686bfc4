// What the user has missed: in a line above the first view, and in full where they ask for it.

import type { Away, AwayAlert, AwayKpi, AwayNote, AwayReport, AwaySession } from "@bos/client";
import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { now } from "../../app/clock.ts";
import { entity } from "../../app/live.ts";
import { kpiPlace, notePlace, sessionPlace } from "../../app/places.ts";
import { Link, path } from "../../app/router.tsx";
import { day, isOnTarget, moment, percent } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Ago, Badge, Figure } from "../../ui/shown.tsx";
import { dismiss, missed, watch } from "./looking.ts";
import { headlines, moved, since } from "./summary.ts";

/** Above every view but the inbox, which has it itself. */
export function WhileAway() {
  useEffect(watch, []);
  return path.value === "/inbox" ? null : <Missed />;
}

/** Nothing where nothing was missed, or the user has read it. */
export function Missed({ isOpen = false }: { isOpen?: boolean }) {
  const open = useSignal(isOpen);
  const id = useId();
  const away = missed.value;
  if (!away) return null;
  const at = away.sinceAt ?? "";
  return (
    <section class="inbox-missed panel" aria-labelledby={`${id}-title`} data-while-away>
      <header>
        <Icon name="clock" />
        <h2 id={`${id}-title`}>While you were away</h2>
        <p data-missed>Since <time dateTime={at} title={moment(at)}>{since(at, now.value)}</time>: {headlines(away).join(", ")}.</p>
        <Button kind="plain" aria-expanded={open.value} aria-controls={id} onClick={() => open.value = !open.value}>{open.value ? "Hide" : "Show"}</Button>
        <Button kind="plain" icon="close" label="Dismiss: I have read it" onClick={dismiss} />
      </header>
      <div id={id} hidden={!open.value} class="inbox-missed-lines">
        {open.value && <Lines away={away} />}
      </div>
    </section>
  );
}

function Lines({ away }: { away: Away }) {
  const { kpis, alerts, notes, reports, sessions } = away;
  return (
    <>
      {!away.complete && (
        <p class="soft small">
          This is not all: it begins {away.fromAt ? <>at {moment(away.fromAt)}</> : "later"}, as what was before is no longer kept, or too much.
        </p>
      )}
      <Part title="Alerts" part={alerts}>{alerts?.lines.map((line) => <AlertLine key={line.alertId} {...line} />)}</Part>
      <Part title="KPIs" part={kpis} class="inbox-kpis">{kpis?.lines.map((line) => <KpiLine key={line.kpiId} {...line} />)}</Part>
      <Part title="Notes" part={notes}>{notes?.lines.map((line) => <NoteLine key={line.annotationId} {...line} />)}</Part>
      <Part title="Sessions" part={sessions}>{sessions?.lines.map((line) => <SessionLine key={line.sessionId} {...line} />)}</Part>
      <Part title="Reports" part={reports}>{reports?.lines.map((line) => <ReportLine key={line.reportId} {...line} />)}</Part>
    </>
  );
}

interface PartProps {
  title: string;
  part?: { count: number; lines: readonly unknown[] };
  class?: string;
  children?: ComponentChildren;
}

/** One kind of what was missed, its newest lines, and how many more there are. */
function Part({ title, part, class: own, children }: PartProps) {
  if (!part) return null;
  const more = part.count - part.lines.length;
  return (
    <section>
      <h3>{title} <span class="soft">{part.count}</span></h3>
      <ul class={own}>{children}</ul>
      {more > 0 && <p class="soft small">And {more} more.</p>}
    </section>
  );
}

function KpiLine({ kpiId, name, unit, from, to, changes, at }: AwayKpi) {
  const kpi = entity("kpi", kpiId);
  const share = moved(from, to);
  const isMissed = kpi && isOnTarget({ ...kpi, value: to }) === false;
  return (
    <li>
      <Link to={kpiPlace(kpiId)}>{kpi?.name ?? name}</Link>
      <span class="inbox-from-to">
        <Figure value={from} /> <span aria-label="to">→</span> <Figure value={to} unit={unit} />
      </span>
      <span class="soft small">{share !== null && share !== 0 && `${share > 0 ? "+" : "−"}${percent(Math.abs(share))}`}</span>
      <span>{isMissed && <Badge tone="warning">off target</Badge>}</span>
      <span class="soft small inbox-when">{changes > 1 && `${changes} changes, `}<Ago at={at} /></span>
    </li>
  );
}

const TONES: Record<string, "bad" | "warning" | "soft"> = { critical: "bad", warning: "warning" };

function AlertLine({ kpiId, severity, message, state, raisedAt, resolvedAt }: AwayAlert) {
  return (
    <li>
      <Badge tone={TONES[severity] ?? "soft"}>{severity}</Badge>
      <Link to={kpiPlace(kpiId)}>{message}</Link>
      <Badge tone={state === "resolved" ? "good" : "soft"}>{state}</Badge>
      <span class="soft small inbox-when"><Ago at={resolvedAt ?? raisedAt} /></span>
    </li>
  );
}

function NoteLine({ annotationId, sessionId, authorName, content, entityType, entityId, mentionsMe, createdAt }: AwayNote) {
  const thing = entityType && entityId ? { type: entityType, id: entityId } : null;
  const named = thing?.type === "kpi" ? entity("kpi", thing.id) : thing?.type === "department" ? entity("department", thing.id) : undefined;
  return (
    <li>
      <Link to={notePlace({ id: annotationId, sessionId, entity: thing })}>{authorName}{named ? ` on ${named.name}` : sessionId ? " in a session" : ""}</Link>
      <span class="inbox-words">“{content}”</span>
      {mentionsMe && <Badge tone="accent">mentions you</Badge>}
      <span class="soft small inbox-when"><Ago at={createdAt} /></span>
    </li>
  );
}

function SessionLine({ sessionId, title, createdAt, endedAt }: AwaySession) {
  return (
    <li>
      <Link to={sessionPlace(sessionId)}>{title}</Link>
      <Badge tone={endedAt ? "soft" : "good"}>{endedAt ? "ended" : "running"}</Badge>
      <span class="soft small inbox-when"><Ago at={endedAt ?? createdAt} /></span>
    </li>
  );
}

function ReportLine({ departmentId, from, to, format, createdAt }: AwayReport) {
  const department = departmentId ? entity("department", departmentId)?.name ?? "A department" : "The organization";
  return (
    <li>
      <Link to="/reports">{department}, {day(from)} to {day(to)}</Link>
      <Badge>{format.toUpperCase()}</Badge>
      <span class="soft small inbox-when"><Ago at={createdAt} /></span>
    </li>
  );
}
