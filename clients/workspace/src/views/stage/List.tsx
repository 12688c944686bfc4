// The same content as text: for screen readers, and for whoever likes tables.

import type { VNode } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { departmentPlace, kpiPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { Button } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Badge, Figure } from "../../ui/shown.tsx";
import { counted, wordsOfStanding } from "./Card.tsx";
import type { Place } from "./layout.ts";
import { Shape } from "./Legend.tsx";
import { nameOf } from "./Pins.tsx";
import { type Model, type Pin, refOf, type Thing, topOf } from "./scene.ts";
import type { StageProps } from "./Stage.tsx";

const TONES = { critical: "bad", warning: "warning", info: "accent" } as const;

const LOOK_MS = 1_000; // between two looks at what others look at: calm enough to be heard

type ListProps = Omit<StageProps, "scene"> & { model: Model };

/** Of a thousand rows the few that have changed are drawn again: the others are the same nodes as before. */
interface Row {
  of: readonly unknown[];
  node: VNode;
}

export function List({ model, ...props }: ListProps) {
  const rows = useRef(new Map<string, Row>());
  const latest = useRef(props);
  latest.current = props;
  const lookers = useLookers(props.pointers, model);
  const pins = new Map(model.pins.flatMap((pin) => pin.entity ? [[pin.entity.id, pin]] : []));
  const alerts = Map.groupBy(model.scene.alerts ?? [], ({ kpiId }) => kpiId);
  const inPlace = Map.groupBy(model.things, ({ placeId }) => placeId);
  const free = model.pins.filter(({ entity }) => !entity);

  const rowOf = (thing: Thing): VNode => {
    const { kpi, severity } = thing;
    const pin = pins.get(kpi.id);
    const count = alerts.get(kpi.id)?.length ?? 0;
    const by = lookers[kpi.id] ?? "";
    const of = [kpi, severity, count, pin && nameOf(pin), Boolean(props.onPin), by];
    const known = rows.current.get(kpi.id);
    if (known && known.of.every((part, index) => part === of[index])) return known.node;
    const node = <KpiRow key={kpi.id} thing={thing} alerts={count} pin={pin} lookers={by} actions={latest} />;
    rows.current.set(kpi.id, { of, node });
    return node;
  };

  return (
    <div class="stage-list stack">
      {model.layout.places.map((place) => (
        <PlaceTable key={place.id} place={place} pin={pins.get(place.id)} onChoose={props.onChoose}>
          {(inPlace.get(place.id) ?? []).map(rowOf)}
        </PlaceTable>
      ))}
      {free.length > 0 && (
        <section class="panel">
          <header><h2>Notes in space</h2></header>
          <ul class="stack">{free.map((pin) => <li key={pin.key}><NoteButton pin={pin} onChoose={props.onChoose} text={nameOf(pin)} /></li>)}</ul>
        </section>
      )}
    </div>
  );
}

/** By KPI: the names of those who look at it just now. */
function useLookers(pointers: StageProps["pointers"], { scene }: Model): Record<string, string> {
  const found = useSignal("{}");
  const latest = useRef({ pointers, names: scene.names });
  latest.current = { pointers, names: scene.names };
  const hasPointers = pointers !== undefined;
  useEffect(() => {
    if (!hasPointers) return;
    const look = () => {
      const byKpi: Record<string, string> = {};
      for (const { userId, focusedEntity } of latest.current.pointers?.() ?? []) {
        if (focusedEntity?.type !== "kpi") continue;
        const name = latest.current.names.get(userId) ?? "Somebody";
        byKpi[focusedEntity.id] = byKpi[focusedEntity.id] ? `${byKpi[focusedEntity.id]}, ${name}` : name;
      }
      found.value = JSON.stringify(byKpi);
    };
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [hasPointers]);
  return JSON.parse(found.value);
}

function PlaceTable({ place: { id, name, level }, pin, onChoose, children }: { place: Place; pin?: Pin; onChoose: StageProps["onChoose"]; children: VNode[] }) {
  return (
    <section class="panel stage-place" data-level={level} data-place={id}>
      <header>
        <h2>{id ? <Link to={departmentPlace(id)}>{name}</Link> : name}</h2>
        {pin && <NoteButton pin={pin} onChoose={onChoose} />}
      </header>
      {children.length
        ? (
          <div class="scrolls">
            <table>
              <thead>
                <tr><th>KPI</th><th>Value</th><th>Target</th><th>Standing</th><th>Alerts, notes, who looks</th></tr>
              </thead>
              <tbody>{children}</tbody>
            </table>
          </div>
        )
        : <p class="small soft">No KPIs of its own.</p>}
    </section>
  );
}

function NoteButton({ pin, onChoose, text = counted(pin.count, "note") }: { pin: Pin; onChoose: StageProps["onChoose"]; text?: string }) {
  const open = () => onChoose?.({ noteId: pin.noteId, ...(pin.entity && { entity: pin.entity }) });
  return <Button kind="plain" icon="note" title={nameOf(pin)} onClick={open}>{text}</Button>;
}

function KpiRow({ thing, alerts, pin, lookers, actions }: { thing: Thing; alerts: number; pin?: Pin; lookers: string; actions: { current: Omit<StageProps, "scene"> } }) {
  const { kpi, standing, severity } = thing;
  const point = () => actions.current.onPoint?.(topOf(thing), refOf(thing));
  return (
    <tr data-kpi={kpi.id} onMouseEnter={point} onFocusCapture={point}>
      <td><Link to={kpiPlace(kpi.id)}>{kpi.name}</Link></td>
      <td><Figure value={kpi.value} unit={kpi.unit} /></td>
      <td><Figure value={kpi.target} unit={kpi.unit} /></td>
      <td><span class="row"><Shape standing={standing} /> {wordsOfStanding(standing, kpi.value !== null)}</span></td>
      <td>
        <span class="row">
          {severity && <Badge tone={TONES[severity]}>{counted(alerts, "alert")}, {severity}</Badge>}
          {lookers && <Badge tone="accent"><Icon name="eye" />{lookers}</Badge>}
          {pin && <NoteButton pin={pin} onChoose={(what) => actions.current.onChoose?.(what)} />}
          {actions.current.onPin && <Button kind="plain" icon="pin" label={`Pin a note on ${kpi.name}`} onClick={() => actions.current.onPin?.(topOf(thing), refOf(thing))} />}
        </span>
      </td>
    </tr>
  );
}
