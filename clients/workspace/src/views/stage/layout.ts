// Where everything stands in the shared space, in metres: a pure function of the tree of departments and its KPIs.
//
// It has to be the same for everybody, so that a pointer or a note means the same to all. What not all may see,
// restricted KPIs, therefore never moves anything else: they stand in a strip that each place has, however many
// of them the user sees.

import type { DepartmentData, KpiData } from "@bos/client";

/** A platform: a department's, or the whole organization's (id ""). x and z: its middle. */
export interface Place {
  id: string;
  name: string;
  /** How many departments it is below. */
  level: number;
  x: number;
  z: number;
  width: number;
  depth: number;
  /** How high its floor is. */
  floor: number;
}

/** Where a KPI stands, and how wide it may be. */
export interface Spot {
  x: number;
  z: number;
  floor: number;
  radius: number;
  placeId: string;
}

export interface Layout {
  /** Above before below: in the order in which one goes through them. */
  places: Place[];
  /** In the same order. */
  spots: Map<string, Spot>;
  width: number;
  depth: number;
  /** The middle of all of it. */
  z: number;
}

export const PITCH = 1.7; // from KPI to KPI
const ROW = 2.2; // to the one behind it: what is written at its foot covers nothing else
const RADIUS = 0.5;
const MARGIN = 0.55; // from a platform's edge to what is on it
const GAP = 1.1; // between platforms
const STRIP = 1; // for restricted KPIs
const BEFORE_STRIP = 0.4;
const STEP = 0.22; // a department below another stands so much higher
const LEAST_COLUMNS = 2;
const WIDER = 1.7; // places are rather wide than deep, as screens are
const NARROWEST = 0.12;

type Tree = Map<string | null, DepartmentData[]>;
type Own = Map<string, KpiData[]>;

/** A place and all below it, by its own corner. */
interface Block {
  width: number;
  depth: number;
  /** Put it at this corner. */
  put(x: number, z: number, into: Layout): void;
}

export function layOut(departments: readonly DepartmentData[], kpis: readonly KpiData[]): Layout {
  const known = new Set(departments.map(({ id }) => id));
  const own = group(kpis, ({ departmentId }) => departmentId !== null && known.has(departmentId) ? departmentId : "");
  const tree = treeOf(departments, known);
  const layout: Layout = { places: [], spots: new Map(), width: 0, depth: 0, z: 0 };
  const packed = pack((tree.get(null) ?? []).map((department) => blockOf(department, tree, own, 0)));
  // In front of all the others, where it moves none of them.
  const rest = own.has("") ? blockOf({ id: "", name: "Whole organization" }, new Map(), own, 0) : null;
  packed.put(-packed.width / 2, -packed.depth / 2, layout);
  if (rest) rest.put(-rest.width / 2, packed.depth / 2 + (packed.depth ? GAP : 0), layout);
  const more = rest ? rest.depth + (packed.depth ? GAP : 0) : 0;
  return { ...layout, width: Math.max(packed.width, rest?.width ?? 0), depth: packed.depth + more, z: more / 2 };
}

/** By name, in an order that is the same in every browser and language. */
function inOrder(one: { name: string; id: string }, other: { name: string; id: string }): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

/** Departments by what they are in; those that are in each other, or in nothing that is there, are at the top. */
function treeOf(departments: readonly DepartmentData[], known: ReadonlySet<string>): Tree {
  const parents = new Map(departments.map(({ id, parentId }) => [id, parentId !== null && known.has(parentId) ? parentId : null]));
  for (const { id } of departments) {
    const seen = new Set([id]);
    for (let above = parents.get(id) ?? null; above !== null; above = parents.get(above) ?? null) {
      if (seen.has(above)) {
        parents.set(id, null);
        break;
      }
      seen.add(above);
    }
  }
  return group([...departments].sort(inOrder), ({ id }) => parents.get(id) ?? null);
}

function blockOf({ id, name }: { id: string; name: string }, tree: Tree, own: Own, level: number): Block {
  const kpis = [...own.get(id) ?? []].sort(inOrder);
  const below = pack((tree.get(id) ?? []).map((department) => blockOf(department, tree, own, level + 1)));
  const forAll = kpis.filter(({ visibility }) => visibility === "organization");
  const restricted = kpis.filter(({ visibility }) => visibility !== "organization");
  const columns = Math.max(LEAST_COLUMNS, Math.round(Math.sqrt((forAll.length * ROW) / PITCH)), Math.floor(below.width / PITCH));
  const rows = Math.ceil(forAll.length / columns);
  const inner = Math.max(columns * PITCH, below.width);
  const height = rows * ROW + BEFORE_STRIP + STRIP + (below.depth ? below.depth + GAP / 2 : 0);
  const [width, depth] = [inner + 2 * MARGIN, height + 2 * MARGIN];
  const floor = (level + 1) * STEP;
  return {
    width,
    depth,
    put(x, z, into) {
      into.places.push({ id, name, level, x: x + width / 2, z: z + depth / 2, width, depth, floor });
      const [left, top] = [x + MARGIN, z + MARGIN];
      for (const [index, kpi] of forAll.entries()) {
        const [column, row] = [index % columns, Math.floor(index / columns)];
        into.spots.set(kpi.id, { x: left + (column + 0.5) * PITCH, z: top + (row + 0.5) * ROW, floor, radius: RADIUS, placeId: id });
      }
      putIntoStrip(restricted, { left, top: top + rows * ROW + BEFORE_STRIP, width: inner, floor, placeId: id }, into.spots);
      below.put(x + MARGIN + (inner - below.width) / 2, z + depth - MARGIN - below.depth, into);
    },
  };
}

/** As large as all of them can be in it. */
function putIntoStrip(kpis: KpiData[], { left, top, width, floor, placeId }: { left: number; top: number; width: number; floor: number; placeId: string }, spots: Layout["spots"]): void {
  let cell = STRIP;
  while (Math.floor(width / cell) * Math.floor(STRIP / cell) < kpis.length && cell > NARROWEST) cell *= 0.9;
  const columns = Math.floor(width / cell);
  for (const [index, { id }] of kpis.entries()) {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    spots.set(id, { x: left + (column + 0.5) * cell, z: top + (row + 0.5) * cell, floor, radius: cell * 0.36, placeId });
  }
}

/** Blocks in rows, the deepest first, so that all of them together are about as wide as a screen. */
function pack(unordered: Block[]): Block {
  if (!unordered.length) return { width: 0, depth: 0, put: () => {} };
  // Those of a row are alike then, and little is left empty.
  const blocks = [...unordered].sort((one, other) => other.depth - one.depth);
  const widths = blocks.map((_, index) => blocks.slice(0, index + 1).reduce((sum, { width }) => sum + width + GAP, -GAP));
  const widest = Math.max(...blocks.map(({ width }) => width));
  const candidates = [...new Set([widest, ...widths])].filter((width) => width >= widest);
  const tried = candidates.map((width) => shelve(blocks, width));
  const cost = ({ width, depth }: Block) => Math.max(width, depth * WIDER);
  return tried.reduce((best, next) => cost(next) < cost(best) ? next : best);
}

function shelve(blocks: Block[], most: number): Block {
  const at: [Block, number, number][] = [];
  let [x, z, row, width] = [0, 0, 0, 0];
  for (const block of blocks) {
    if (x > 0 && x + block.width > most + 1e-6) [x, z, row] = [0, z + row + GAP, 0];
    at.push([block, x, z]);
    x += block.width + GAP;
    row = Math.max(row, block.depth);
    width = Math.max(width, x - GAP);
  }
  return {
    width,
    depth: z + row,
    put(left, top, into) {
      for (const [block, dx, dz] of at) block.put(left + dx, top + dz, into);
    },
  };
}

function group<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const found = groups.get(keyOf(item));
    if (found) found.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
