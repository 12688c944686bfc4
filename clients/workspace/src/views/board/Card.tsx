// One KPI on a board.

import type { AlertData, AnomalyData, KpiData } from "@bos/client";
import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { entity } from "../../app/live.ts";
import { alertsOf, freshAnomaliesOf, notesOf } from "../../app/of_kpi.ts";
import { kpiPlace } from "../../app/places.ts";
import { maySetValue } from "../../app/rights.ts";
import { Link } from "../../app/router.tsx";
import { day, exactly, isOnTarget, percent, shortly } from "../../app/words.ts";
import { useFlash, useIsNear } from "../../ui/hooks.ts";
import { Icon } from "../../ui/icons.tsx";
import { Ago, Badge, Figure } from "../../ui/shown.tsx";
import { Looking } from "../people/Looking.tsx";
import { begin } from "../values/setting.ts";
import { ValueEditor } from "../values/ValueEditor.tsx";
import { favourites, toggleFavourite } from "./chosen.ts";
import { distance } from "./order.ts";
import { History } from "./History.tsx";

const EXACT_BELOW = 0.1;

export function Card({ id }: { id: string }) {
  const kpi = entity("kpi", id);
  const box = useRef<HTMLLIElement>(null);
  const isNear = useIsNear(box);
  useFlash(box, kpi);
  if (!kpi) return null;
  return (
    <li class="card" data-kpi={id} ref={box}>
      <h3><Link to={kpiPlace(id)}>{kpi.name}</Link></h3>
      <Star kpi={kpi} />
      <div class="card-value">
        <Value kpi={kpi} />
        <ValueEditor kpi={kpi} />
      </div>
      <Standing kpi={kpi} />
      <div class="card-history">{isNear && <History kpi={kpi} />}</div>
      <div class="card-foot">
        {kpi.visibility === "department" && <Badge title="Visible to its department only">department</Badge>}
        <Marks kpiId={id} />
        <Looking entity={{ type: "kpi", id }} only />
        <Ago at={kpi.updatedAt} />
      </div>
    </li>
  );
}

function Value({ kpi }: { kpi: KpiData }) {
  const { value, unit } = kpi;
  const open = maySetValue(kpi) ? () => begin(kpi) : undefined;
  return (
    // The pencil beside it does the same, by keyboard.
    <span class="card-figure" data-may-set={open ? true : undefined} onClick={open}>
      <Figure value={value} />
      {unit && value !== null && <span class="unit">{unit}</span>}
    </span>
  );
}

function Star({ kpi: { id, name } }: { kpi: KpiData }) {
  const isFavourite = useComputed(() => favourites.value.has(id)).value;
  return (
    <button
      type="button"
      class="card-star"
      aria-pressed={isFavourite}
      aria-label={`Favourite: ${name}`}
      title={isFavourite ? "No favourite any more" : "Make it a favourite"}
      onClick={() => toggleFavourite(id)}
    >
      <Icon name="star" filled={isFavourite} />
    </button>
  );
}

function Standing({ kpi }: { kpi: KpiData }) {
  const isGood = isOnTarget(kpi);
  const target = kpi.target === null ? "no target" : `target ${shortly(kpi.target)}`;
  return (
    <p class="card-standing">
      {isGood === true && <Badge tone="good"><span aria-hidden="true">✓</span> on target</Badge>}
      {isGood === false && <Badge tone="bad"><span aria-hidden="true">!</span> off target{by(kpi)}</Badge>}
      <span data-target title={kpi.target === null ? undefined : exactly(kpi.target)}>{target}</span>
    </p>
  );
}

/** " by 7.5%"; nothing where the target is 0. */
function by(kpi: KpiData): string {
  const missed = distance(kpi);
  if (!missed || !kpi.target) return "";
  return ` by ${percent(missed < EXACT_BELOW ? missed : Math.round(missed * 100) / 100)}`;
}

/** What there is to know about it: alerts, unusual values, notes. */
function Marks({ kpiId }: { kpiId: string }) {
  const alerts = alertsOf(kpiId);
  const [anomaly] = freshAnomaliesOf(kpiId);
  const notes = notesOf(kpiId).filter(({ resolvedAt }) => resolvedAt === null);
  const place = kpiPlace(kpiId);
  return (
    <>
      {alerts.length > 0 && <Link to={place} class="card-mark" data-alerts><AlertMark alerts={alerts} /></Link>}
      {anomaly && <Link to={place} class="card-mark" data-anomaly><AnomalyMark anomaly={anomaly} /></Link>}
      {notes.length > 0 && (
        <Link to={place} class="card-mark" data-notes>
          <Badge title={notes.length === 1 ? "1 open note" : `${notes.length} open notes`}><Icon name="note" /><span class="hidden-visually">open notes: </span>{notes.length}</Badge>
        </Link>
      )}
    </>
  );
}

function AlertMark({ alerts }: { alerts: readonly AlertData[] }) {
  const [worst] = alerts;
  if (!worst) return null;
  const words = worst.state === "acknowledged" ? "acknowledged" : worst.severity;
  const tone = worst.state === "acknowledged" ? "soft" : worst.severity === "critical" ? "bad" : "warning";
  return <Badge tone={tone} title={alerts.map(({ message }) => message).join("\n")}><Icon name="alerts" />{words}{alerts.length > 1 && ` +${alerts.length - 1}`}</Badge>;
}

function AnomalyMark({ anomaly }: { anomaly: AnomalyData }) {
  const { day: when, value, lower, upper } = anomaly;
  return <Badge tone="accent" title={`${day(when)}: ${exactly(value)}, expected ${exactly(lower)} to ${exactly(upper)}`}><Icon name="eye" />unusual</Badge>;
}
