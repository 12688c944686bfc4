import type { AnnotationData, DepartmentData, EntityRef, KpiData, Pointer, Position } from "@bos/client";

/** A moment to be shown in space: of now, or of a meeting that is played back. */
export interface Scene {
  departments: readonly DepartmentData[];
  kpis: readonly KpiData[];
  notes: readonly AnnotationData[];
  /** By user: whose pointers are shown, under which name. */
  names: ReadonlyMap<string, string>;
}

export interface StageProps {
  scene: Scene;
  /** Where others point, asked for with each frame that is drawn. */
  pointers?: () => Pointer[];
  /** The user points somewhere, and at what. */
  onPoint?: (position: Position, focused?: EntityRef) => void;
  /** The user chooses a thing or a note. */
  onChoose?: (chosen: { entity?: EntityRef; noteId?: string }) => void;
  /** The user wants to pin a note there; without it nobody is offered to. */
  onPin?: (position: Position, entity?: EntityRef) => void;
  /** The participant whose view is followed. */
  followed?: string | null;
}

/** Departments as places and KPIs as objects: in three dimensions, as a plan, or as a list. */
export function Stage(_: StageProps) {
  return null;
}
