// What is known of the KPI that is looked at, beside it.

import type { Ref } from "preact";
import { kpiPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { Button } from "../../ui/controls.tsx";
import { Ago, Badge, Figure } from "../../ui/shown.tsx";
import { shortly } from "../../app/words.ts";
import type { Model, Thing } from "./scene.ts";
import type { Standing } from "./standing.ts";

const TONES = { on: "good", off: "bad", none: "soft" } as const;
const SEVERITIES = { critical: "bad", warning: "warning", info: "accent" } as const;

export function wordsOfStanding(standing: Standing, hasValue: boolean): string {
  if (standing === "none") return hasValue ? "no target" : "no value yet";
  return standing === "on" ? "on target" : "off target";
}

/** "1 note", "2 notes". */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** How many alerts and notes there are of it. */
export function countsOf({ scene, pins }: Model, kpiId: string): { alerts: number; notes: number } {
  const alerts = (scene.alerts ?? []).filter((alert) => alert.kpiId === kpiId).length;
  return { alerts, notes: pins.find(({ entity }) => entity?.type === "kpi" && entity.id === kpiId)?.count ?? 0 };
}

/** A KPI in a sentence, for those who hear it. */
export function sentenceOf(model: Model, { kpi, standing }: Thing): string {
  const { alerts, notes } = countsOf(model, kpi.id);
  const value = kpi.value === null ? "no value yet" : `${shortly(kpi.value)} ${kpi.unit}`;
  const parts = [`${kpi.name}: ${value}`];
  if (kpi.target !== null) parts.push(`target ${shortly(kpi.target)} ${kpi.unit}`, wordsOfStanding(standing, kpi.value !== null));
  if (alerts) parts.push(counted(alerts, "alert"));
  if (notes) parts.push(counted(notes, "note"));
  return parts.join(", ");
}

interface CardProps {
  model: Model;
  thing: Thing;
  /** It stays, and has what can be done with it. */
  isChosen: boolean;
  box: Ref<HTMLDivElement>;
  onClose: () => void;
  onPin?: () => void;
  onNotes?: () => void;
}

export function Card({ model, thing: { kpi, standing, severity, placeId }, isChosen, box, onClose, onPin, onNotes }: CardProps) {
  const { alerts, notes } = countsOf(model, kpi.id);
  const place = model.layout.places.find(({ id }) => id === placeId);
  return (
    <div class={`stage-card ${isChosen ? "chosen" : ""}`} ref={box} role={isChosen ? "dialog" : undefined} aria-label={isChosen ? kpi.name : undefined} data-card={kpi.id}>
      <header>
        <div>
          <p class="small soft">{place?.name}</p>
          <h2>{kpi.name}</h2>
        </div>
        {isChosen && <Button kind="plain" icon="close" label="Close" onClick={onClose} />}
      </header>
      <p class="stage-card-value"><Figure value={kpi.value} unit={kpi.unit} /></p>
      {kpi.target !== null && <p class="small soft">Target <Figure value={kpi.target} unit={kpi.unit} /></p>}
      <p class="row">
        <Badge tone={TONES[standing]}>{wordsOfStanding(standing, kpi.value !== null)}</Badge>
        {severity && <Badge tone={SEVERITIES[severity]}>{counted(alerts, "alert")}, {severity}</Badge>}
        {notes > 0 && <Badge>{counted(notes, "note")}</Badge>}
      </p>
      <p class="small soft">Changed <Ago at={kpi.updatedAt} /></p>
      {isChosen && (
        <footer class="row">
          <Link to={kpiPlace(kpi.id)} class="button primary" data-open>Open</Link>
          {notes > 0 && onNotes && <Button icon="note" onClick={onNotes}>Notes</Button>}
          {onPin && <Button icon="pin" onClick={onPin}>Pin a note here</Button>}
        </footer>
      )}
    </div>
  );
}
