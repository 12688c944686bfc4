// What is shown in space, and what it is made of there.

import type { AlertData, AnnotationData, DepartmentData, EntityRef, KpiData, Position } from "@bos/client";
import { type Layout, layOut, type Spot } from "./layout.ts";
import { heightOf, type Range, type Standing, standingOf } from "./standing.ts";

/** A moment to be shown in space: of now, or of a meeting that is played back. */
export interface Scene {
  departments: readonly DepartmentData[];
  kpis: readonly KpiData[];
  notes: readonly AnnotationData[];
  /** By user: whose pointers are shown, under which name. */
  names: ReadonlyMap<string, string>;
  /** Unresolved alerts: a beacon on their KPI. */
  alerts?: readonly AlertData[];
  /** By KPI: in which range its values are expected, where that is known. */
  ranges?: ReadonlyMap<string, Range>;
}

export type Severity = AlertData["severity"];

/** A KPI as an object. */
export interface Thing extends Spot {
  kpi: KpiData;
  height: number;
  standing: Standing;
  /** Of its worst alert. */
  severity: Severity | null;
}

/** Notes of one place: a thread in space, or all that are on a thing. */
export interface Pin {
  key: string;
  /** The newest of them. */
  noteId: string;
  entity?: EntityRef;
  position: Position;
  count: number;
  isResolved: boolean;
  /** For those who do not see where it is. */
  says: string;
}

export interface Model {
  scene: Scene;
  layout: Layout;
  /** In the order in which one walks through them. */
  things: readonly Thing[];
  thingOf: ReadonlyMap<string, Thing>;
  pins: readonly Pin[];
}

const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
const ABOVE = 0.75; // a pin over its KPI
const LONGEST_SAID = 80;

/** before: the model of a moment ago, whose layout stays where nothing moved. */
export function modelOf(scene: Scene, before?: Model): Model {
  const layout = before && standsAlike(before.scene, scene) ? before.layout : layOut(scene.departments, scene.kpis);
  const alerts = worstOf(scene.alerts ?? []);
  const kpis = new Map(scene.kpis.map((kpi) => [kpi.id, kpi]));
  const things = [...layout.spots].flatMap(([id, spot]): Thing[] => {
    const kpi = kpis.get(id);
    return kpi ? [{ ...spot, kpi, height: heightOf(kpi, scene.ranges?.get(id)), standing: standingOf(kpi), severity: alerts.get(id) ?? null }] : [];
  });
  const thingOf = new Map(things.map((thing) => [thing.kpi.id, thing]));
  return { scene, layout, things, thingOf, pins: pinsOf(scene.notes, layout, thingOf) };
}

/** Whether everything stands where it stood. */
function standsAlike(one: Scene, other: Scene): boolean {
  const isPlacedAlike = (a: KpiData, b: KpiData | undefined) =>
    a === b || (a.id === b?.id && a.name === b.name && a.departmentId === b.departmentId && a.visibility === b.visibility);
  const isAlike = (a: DepartmentData, b: DepartmentData | undefined) => a === b || (a.id === b?.id && a.name === b.name && a.parentId === b.parentId);
  return one.kpis.length === other.kpis.length && one.departments.length === other.departments.length
    && one.kpis.every((kpi, index) => isPlacedAlike(kpi, other.kpis[index]))
    && one.departments.every((department, index) => isAlike(department, other.departments[index]));
}

function worstOf(alerts: readonly AlertData[]): Map<string, Severity> {
  const worst = new Map<string, Severity>();
  for (const { kpiId, severity } of alerts) {
    const known = worst.get(kpiId);
    if (!known || SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(known)) worst.set(kpiId, severity);
  }
  return worst;
}

/** Where a thing is marked: over a KPI, on the front edge of a department. */
export function markOf(entity: EntityRef, layout: Layout, thingOf: ReadonlyMap<string, Thing>): Position | null {
  const thing = entity.type === "kpi" ? thingOf.get(entity.id) : undefined;
  if (thing) return { x: thing.x, y: thing.floor + thing.height + ABOVE, z: thing.z };
  const place = entity.type === "department" ? layout.places.find(({ id }) => id === entity.id) : undefined;
  return place ? { x: place.x + place.width / 2 - 0.4, y: place.floor + 0.3, z: place.z + place.depth / 2 - 0.4 } : null;
}

function pinsOf(notes: readonly AnnotationData[], layout: Layout, thingOf: ReadonlyMap<string, Thing>): Pin[] {
  const byId = new Map(notes.map((note) => [note.id, note]));
  const groups = new Map<string, { root: AnnotationData; notes: AnnotationData[]; position: Position }>();
  for (const note of notes) {
    const root = (note.parentId !== null && byId.get(note.parentId)) || note;
    const marked = root.entity && markOf(root.entity, layout, thingOf);
    const key = root.entity && marked ? `${root.entity.type} ${root.entity.id}` : root.id;
    const group = groups.get(key);
    if (group) group.notes.push(note);
    else groups.set(key, { root, notes: [note], position: marked ?? root.position });
  }
  return [...groups].map(([key, { root, notes: own, position }]) => pinOf(key, root, own, position));
}

function pinOf(key: string, { entity }: AnnotationData, notes: AnnotationData[], position: Position): Pin {
  const isOpen = ({ resolvedAt, parentId }: AnnotationData) => resolvedAt === null && parentId === null;
  const newestFirst = [...notes].sort((one, other) => other.createdAt.localeCompare(one.createdAt));
  const newest = newestFirst.find(isOpen) ?? newestFirst[0] as AnnotationData;
  const text = newest.contentType === "text" || newest.contentType === "markdown" ? newest.content : newest.contentType;
  const says = `${newest.authorName}: ${text.length > LONGEST_SAID ? `${text.slice(0, LONGEST_SAID)}…` : text}`;
  return { key, noteId: newest.id, ...(entity && { entity }), position, count: notes.length, isResolved: !notes.some(isOpen), says };
}

/** The point that stands for it, and its reference. */
export function topOf({ x, z, floor, height }: Thing): Position {
  return { x, y: floor + height, z };
}

export function refOf({ kpi }: Thing): EntityRef {
  return { type: "kpi", id: kpi.id };
}
