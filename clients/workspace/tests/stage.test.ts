import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnnotationData, DepartmentData, KpiData } from "@bos/client";
import { overview, Tripod } from "../src/views/stage/camera.ts";
import { labelsOf, withoutOverlap } from "../src/views/stage/labels.ts";
import { type Layout, layOut, type Place } from "../src/views/stage/layout.ts";
import { meetBox, meetFloor, overhead, perspective } from "../src/views/stage/lens.ts";
import { FRESH_MS, Motion } from "../src/views/stage/motion.ts";
import { modelOf, type Scene } from "../src/views/stage/scene.ts";
import { heightOf, TARGET } from "../src/views/stage/standing.ts";

const AT = "2026-11-29T12:00:00Z";

function department(id: string, parentId: string | null = null): DepartmentData {
  return { id, name: `Department ${id}`, parentId, updatedAt: AT };
}

function kpi(id: string, more: Partial<KpiData> = {}): KpiData {
  const usual = { name: `KPI ${id}`, key: "", unit: "", value: 90, target: 100, direction: "higher", departmentId: "d0", ownerId: null, visibility: "organization", updatedAt: AT } as const;
  return { id, ...usual, ...more };
}

function note(id: string, more: Partial<AnnotationData> = {}): AnnotationData {
  const usual = { sessionId: "s", authorId: "u", authorName: "Ann", position: { x: 1, y: 0, z: 2 }, content: id, contentType: "text", entity: null, parentId: null } as const;
  return { id, ...usual, revision: 1, createdAt: AT, updatedAt: AT, mentions: [], resolvedAt: null, resolvedBy: null, entityArchived: false, ...more };
}

/** As large as it has to stay fast for: 64 departments in a tree, 1,000 KPIs, each twelfth of them restricted. */
function large(): { departments: DepartmentData[]; kpis: KpiData[] } {
  const departments = Array.from({ length: 64 }, (_, index) => department(`d${index}`, index > 8 && index % 3 ? `d${(index * 7) % 9}` : null));
  const kpis = Array.from({ length: 1_000 }, (_, index) =>
    kpi(`k${index}`, { departmentId: index % 50 ? `d${(index * index) % 64}` : null, visibility: index % 12 ? "organization" : "department" }));
  return { departments, kpis };
}

const sceneOf = (scene: Partial<Scene>): Scene => ({ departments: [], kpis: [], notes: [], names: new Map(), ...scene });

function plain({ places, spots }: Layout): unknown {
  return { places, spots: Object.fromEntries([...spots].sort()) };
}

test("p1: everything stands where it stands for everybody, in whatever order it has come", () => {
  const { departments, kpis } = large();
  assert.deepEqual(plain(layOut(departments.toReversed(), kpis.toReversed())), plain(layOut(departments, kpis)));
});

test("p1: what not all may see moves nothing that all see", () => {
  const { departments, kpis } = large();
  const all = layOut(departments, kpis);
  const forAll = kpis.filter(({ visibility }) => visibility === "organization");
  const fewer = layOut(departments, forAll);
  assert.deepEqual(fewer.places, all.places);
  for (const { id } of forAll) assert.deepEqual(fewer.spots.get(id), all.spots.get(id));
});

test("p1: a KPI that nobody has a department for moves no department", () => {
  const [departments, kpis] = [[department("d0")], [kpi("a")]];
  const [before] = layOut(departments, kpis).places;
  assert.deepEqual(layOut(departments, [...kpis, kpi("b", { departmentId: null })]).places[0], before);
});

test("p2: no place covers another, each is on that above it, and no KPI stands in another", () => {
  const { departments, kpis } = large();
  const { places, spots } = layOut(departments, kpis);
  assert.equal(places.length, 65);
  assert.equal(spots.size, 1_000);
  const parents = new Map(departments.map(({ id, parentId }) => [id, parentId]));
  const byId = new Map(places.map((place) => [place.id, place]));
  const reach = (place: Place) => [place.x - place.width / 2, place.x + place.width / 2, place.z - place.depth / 2, place.z + place.depth / 2] as const;
  const isApart = (one: Place, other: Place) => {
    const [[left, right, back, front], [otherLeft, otherRight, otherBack, otherFront]] = [reach(one), reach(other)];
    return right <= otherLeft || left >= otherRight || front <= otherBack || back >= otherFront;
  };
  for (const place of places) {
    const above = byId.get(parents.get(place.id) ?? "none");
    if (above) assert.ok(Math.abs(place.x - above.x) <= (above.width - place.width) / 2 && Math.abs(place.z - above.z) <= (above.depth - place.depth) / 2, place.id);
    for (const other of places) if (other !== place && parents.get(other.id) === parents.get(place.id)) assert.ok(isApart(place, other), `${place.id} ${other.id}`);
  }
  const all = [...spots.values()];
  for (const [index, { x, z, radius, placeId }] of all.entries()) {
    const [left, right, back, front] = reach(byId.get(placeId) as Place);
    assert.ok(x - radius > left && x + radius < right && z - radius > back && z + radius < front);
    for (const other of all.slice(index + 1)) assert.ok(Math.hypot(x - other.x, z - other.z) >= radius + other.radius);
  }
});

test("departments that are below each other are all shown", () => {
  const { places } = layOut([department("a", "b"), department("b", "a"), department("c", "gone")], []);
  assert.deepEqual(places.map(({ id }) => id).sort(), ["a", "b", "c"]);
});

test("the height says value against target: at the ring where they are the same", () => {
  assert.equal(heightOf(kpi("a", { value: 100 })), TARGET);
  assert.ok(heightOf(kpi("a", { value: 50 })) < TARGET / 1.9);
  assert.ok(heightOf(kpi("a", { value: 5, target: 0 })) > TARGET);
  assert.ok(heightOf(kpi("a", { value: -20, target: -10 })) < TARGET);
  const [low, high] = [1, 9].map((value) => heightOf(kpi("a", { value, target: null }), [0, 10]));
  assert.ok((low ?? 0) < (high ?? 0));
});

test("what is seen at a pixel is what a click on that pixel meets, in 3-D and on the plan", () => {
  const camera = { x: 3, z: -2, distance: 30, turn: 0.7, tilt: 0.6 };
  for (const lens of [perspective(camera, 800, 500), overhead(camera, 800, 500)]) {
    const seen = lens.see(5, 0, 1);
    assert.ok(seen);
    const floor = meetFloor(lens.ray(seen.x, seen.y), 0, 1_000);
    assert.ok(floor && Math.hypot(floor.x - 5, floor.z - 1) < 1e-6);
    const box = { x: 5, z: 1, floor: -0.5, radius: 0.5, height: 1 };
    assert.ok(meetBox(lens.ray(seen.x, seen.y), box) < Infinity);
    assert.equal(meetBox(lens.ray(seen.x, seen.y), { ...box, x: 9 }), Infinity);
  }
});

test("p2: everything is in view at first, on a phone and on a wall", () => {
  const { departments, kpis } = large();
  const layout = layOut(departments, kpis);
  for (const [width, height] of [[390, 500], [2_560, 1_200]] as const)
    for (const isFlat of [false, true]) {
      const lens = (isFlat ? overhead : perspective)(overview(layout, width, height, isFlat), width, height);
      for (const { x, z, floor } of layout.spots.values()) {
        const seen = lens.see(x, floor, z);
        assert.ok(seen && seen.x > 0 && seen.x < width && seen.y > 0 && seen.y < height);
      }
    }
});

test("the camera leaves neither what there is nor the room above the floor", () => {
  const extent = { width: 20, depth: 10, z: 0 };
  const tripod = new Tripod(overview(extent, 800, 500));
  tripod.fit(extent, overview(extent, 800, 500));
  for (let step = 0; step < 100; step++) {
    tripod.pan(0.5, 0.5);
    tripod.orbit(0.5, -0.5);
    tripod.zoom(2);
  }
  const { x, z, tilt, distance } = tripod.goal;
  assert.ok(Math.abs(x) <= 10 && Math.abs(z) <= 5 && tilt > 0 && distance > 1);
  tripod.home();
  assert.equal(tripod.glide(16, true), true);
  assert.equal(tripod.glide(16, true), false);
  assert.equal(tripod.shown.x, 0);
});

test("no name covers another, and the nearer view has more of them", () => {
  const model = modelOf(sceneOf(large()));
  const camera = overview(model.layout, 1_280, 700);
  const far = labelsOf(model, perspective(camera, 1_280, 700));
  const near = labelsOf(model, perspective({ ...camera, distance: 18 }, 1_280, 700));
  assert.ok(far.some(({ kind }) => kind === "place"));
  assert.equal(far.some(({ kind }) => kind === "thing"), false);
  assert.ok(near.some(({ kind, value }) => kind === "thing" && value === "90"));
  const label = { key: "a", kind: "thing", name: "A", value: "1", x: 10, y: 10, width: 60 } as const;
  assert.deepEqual(withoutOverlap([label, { ...label, key: "b", x: 12 }, { ...label, key: "c", x: 80 }]).map(({ key }) => key), ["a", "c"]);
});

test("a value is written without its unit rather than cut off", () => {
  const units = { short: "%", long: "passenger kilometres of all lines" };
  for (const [id, value] of [["short", "90 %"], ["long", "90"]] as const) {
    const model = modelOf(sceneOf({ departments: [department("d0")], kpis: [kpi(id, { unit: units[id] })] }));
    const labels = labelsOf(model, perspective(overview(model.layout, 1_280, 700), 1_280, 700));
    assert.equal(labels.find(({ key }) => key === id)?.value, value);
  }
});

test("notes on one thing are one pin with their count; a reply is with what it answers", () => {
  const entity = { type: "kpi", id: "a" };
  const notes = [note("1"), note("2", { parentId: "1" }), note("3", { entity }), note("4", { entity, resolvedAt: AT }), note("5", { resolvedAt: AT })];
  const { pins } = modelOf(sceneOf({ departments: [department("d0")], kpis: [kpi("a")], notes }));
  assert.deepEqual(pins.map(({ noteId, count, isResolved }) => [noteId, count, isResolved]), [["1", 2, false], ["3", 2, false], ["5", 1, true]]);
});

test("only a new value is a change: it grows to its height, and is over after a while", () => {
  const before = modelOf(sceneOf({ departments: [department("d0")], kpis: [kpi("a"), kpi("b")] }));
  const after = modelOf(sceneOf({ departments: [department("d0")], kpis: [kpi("a", { value: 150 }), kpi("b"), kpi("c")] }), before);
  const motion = new Motion(() => false);
  motion.take(before, after, 0);
  assert.deepEqual([...motion.fresh(0)], [["a", 0]]);
  const thing = after.thingOf.get("a");
  assert.ok(thing);
  assert.ok(motion.heightOf(thing, 0) < motion.heightOf(thing, 200) && motion.heightOf(thing, 200) < motion.heightOf(thing, 1_000));
  assert.equal(motion.goesOn(FRESH_MS), false);
  const still = new Motion(() => true);
  still.take(before, after, 0);
  assert.equal(still.heightOf(thing, 0), thing.height);
});

test("p2: a new value lays nothing out again", () => {
  const { departments, kpis } = large();
  const before = modelOf(sceneOf({ departments, kpis }));
  const changed = kpis.map((one, index) => index === 7 ? { ...one, value: 3 } : one);
  assert.equal(modelOf(sceneOf({ departments, kpis: changed }), before).layout, before.layout);
});
