// What needs no server: `node --test clients/javascript/tests/units.test.ts`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesOf } from "../src/addresses.ts";
import { Backoff } from "../src/backoff.ts";
import { Channels, type Told } from "../src/channels.ts";
import { OthersCursors } from "../src/cursors.ts";
import { Deliveries } from "../src/deliveries.ts";
import { NotBosError } from "../src/errors.ts";
import type { ServerMessage } from "../src/protocol.ts";
import { Store } from "../src/store.ts";
import { StoredSession } from "../src/tokens.ts";

const KPI = {
  ...{ id: "k1", name: "Delay", unit: "min", value: 5, target: null, direction: "lower", departmentId: "d1" },
  ...{ ownerId: null, visibility: "department", updatedAt: "2026-01-20T10:30:00Z" },
};

const FOLLOWED = new Set(["organization:o1", "department:d1"]);

function told(type: string, payload: object): Told {
  return { type, payload: { entityType: "kpi", entityId: "k1", ...payload } } as unknown as Told;
}

function snapshot(sequence: number, data: object = {}): Told {
  return told("SYNC_UPDATE", { changeType: "snapshot", sequence, data: { ...KPI, ...data } });
}

test("one address gives all others", () => {
  const wanted = { http: "https://bos.example/base", ws: "wss://bos.example/base/v1/ws" };
  for (const url of ["https://bos.example/base", "https://bos.example/base/", "wss://bos.example/base/v1/ws"]) assert.deepEqual(addressesOf(url), wanted);
  for (const url of ["", "bos.example", "ftp://bos.example", "https://"]) assert.throws(() => addressesOf(url), { name: "NotBosError" });
});

test("the first pause is half a second at most, the others are the document's", () => {
  for (let round = 0; round < 50; round++) {
    const backoff = new Backoff();
    const first = backoff.next();
    assert.ok(first >= 0 && first <= 0.5);
    for (const about of [2, 4, 8, 16, 30, 30]) assert.ok(Math.abs(backoff.next() - about) <= 1);
    backoff.reset();
    assert.ok(backoff.next() <= 0.5);
  }
});

test("a cursor glides to where it was moved, and stays there", () => {
  const cursors = new OthersCursors(1);
  const at = (now: number) => cursors.at(now).map(({ position }) => position.x);
  cursors.moved("u1", { x: 0, y: 0, z: 0 }, null, 1000);
  cursors.moved("u1", { x: 12, y: 0, z: 0 }, null, 2000);
  assert.deepEqual([at(1990), at(2000), at(2060), at(2120), at(9000)], [[0], [0], [6], [12], [12]]);
  cursors.moved("u1", { x: 0, y: 0, z: 0 }, null, 2060); // from where it is just then
  assert.deepEqual([at(2060), at(2120), at(2180)], [[6], [3], [0]]);
  cursors.gone("u1");
  assert.deepEqual(at(3000), []);
});

test("an event is given once, in whichever form it comes", () => {
  const deliveries = new Deliveries();
  const live = told("KPI_UPDATED", { changeType: "updated", sequence: 12 });
  const synced = told("SYNC_UPDATE", { changeType: "updated", sequence: 12 });
  assert.deepEqual([live, synced, live].map((message) => deliveries.isNew(message, 11)), [true, false, false]);
  assert.equal(deliveries.isNew(told("SYNC_DELETE", { sequence: 12 }), 12), true);
  assert.equal(deliveries.isNew(told("SYNC_UPDATE", { sequence: 11 }), 12), false);
});

test("a picture that comes anew replaces the other in one step", () => {
  const store = new Store();
  const heard: unknown[] = [];
  store.onChange(({ changes }) => heard.push(changes.map(({ id, before, after }) => [id, before !== null, after !== null])));
  const other = { entityId: "k2", changeType: "snapshot", sequence: 9, data: { ...KPI, id: "k2" } };
  store.apply({ messages: [snapshot(5)], anew: false }, FOLLOWED);
  store.apply({ messages: [told("SYNC_UPDATE", other)], anew: true }, FOLLOWED);
  assert.deepEqual(heard, [[["k1", false, true]], [["k2", false, true], ["k1", true, false]]]);
  assert.deepEqual([...store.kpis.keys()], ["k2"]);
});

test("what no channel shows any more goes, with what is about it", () => {
  const store = new Store();
  const alert = { entityType: "alert", entityId: "a1", changeType: "snapshot", sequence: 5, data: { id: "a1", kpiId: "k1" } };
  store.apply({ messages: [snapshot(5), told("SYNC_UPDATE", alert)], anew: false }, FOLLOWED);
  store.retain(new Set(["organization:o1", "department:d1"]));
  assert.deepEqual([store.kpis.size, store.alerts.size], [1, 1]);
  store.retain(new Set(["organization:o1"]));
  assert.deepEqual([store.kpis.size, store.alerts.size], [0, 0]);
});

test("an archived KPI takes its alerts along", () => {
  const store = new Store();
  const alert = { entityType: "alert", entityId: "a1", changeType: "snapshot", sequence: 5, data: { id: "a1", kpiId: "k1" } };
  store.apply({ messages: [snapshot(5), told("SYNC_UPDATE", alert), told("SYNC_DELETE", { sequence: 6 })], anew: false }, FOLLOWED);
  assert.deepEqual(store.toJSON(), {});
});

test("an answer about something that is not followed does not bring it in", () => {
  const store = new Store();
  const live = { changeType: "updated", sequence: 6, value: 7 };
  store.apply({ messages: [snapshot(5), told("KPI_UPDATED", live), told("KPI_UPDATED", { ...live, entityId: "k2" })], anew: false }, FOLLOWED);
  assert.deepEqual([...store.kpis].map(([id, { value }]) => [id, value]), [["k1", 7]]);
});

test("a listener that drops a channel does not end the round before all of it is handed on", () => {
  const sent: { type: string; requestId: string }[] = [];
  const cursors: (number | null)[] = [];
  const nothing = () => {};
  const channels = new Channels(1, {
    send: (type, _, requestId = "") => void sent.push({ type, requestId }),
    apply: () => {
      channels.unsubscribe(["department:d1"]);
      cursors.push(channels.cursor);
    },
    complete: () => cursors.push(channels.cursor),
    ...{ dropped: nothing, trim: nothing, abandon: nothing },
  });
  const answer = (type: string, payload: object) => channels.take({ type, payload, requestId: sent.at(-1)?.requestId } as unknown as ServerMessage);
  channels.subscribe(["organization:o1", "department:d1"]).catch(nothing);
  channels.begin();
  answer("SUBSCRIBED", { channels: ["organization:o1", "department:d1"], sequence: 9 });
  channels.take(snapshot(9) as ServerMessage);
  answer("SYNC_COMPLETE", { lastSequence: 9 });
  assert.deepEqual(cursors, [null, 9]); // had it moved, what is older would not be told
});

test("a sign-in that is kept in a form that nobody can read is none", () => {
  for (const broken of ["{", "null", "5", "{}", '{"id":"s1"}', '{"id":"s1","access":"a","refresh":"a.b.c"}']) {
    const shared = { "bos.session.s1": broken, getItem: () => broken, setItem: () => {}, removeItem: (key: string) => void kept.delete(key) };
    const kept = new Set(["bos.session.s1"]);
    const own = { ...shared, getItem: () => broken.replace("access", "other") };
    assert.equal(new StoredSession({ url: "http://bos.example", own, shared }).signedIn, false);
    assert.equal(kept.size, 0);
  }
});

test("an entity that lacks what says where it is shown is kept", () => {
  const store = new Store();
  const report = told("SYNC_UPDATE", { entityType: "report", entityId: "r1", changeType: "snapshot", sequence: 1, data: { id: "r1" } });
  store.apply({ messages: [report, snapshot(1)], anew: false }, FOLLOWED);
  assert.deepEqual([store.all("report").size, store.kpis.size], [1, 1]);
  store.retain(FOLLOWED);
  assert.equal(store.all("report").size, 1);
});

test("a page that is answered to a sign-in is no pair of tokens", async () => {
  const fetch = () => Promise.resolve(new Response("<html>", { status: 200 }));
  const session = new StoredSession({ url: "http://bos.example", fetch });
  await assert.rejects(session.signIn("mia@example.org", "a password"), NotBosError);
});
