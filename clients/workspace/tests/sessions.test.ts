import assert from "node:assert/strict";
import { test } from "node:test";
import type { EmployeeData, SessionData } from "@bos/client";
import { directory, firstOf } from "../src/views/people/directory.ts";
import { lookersBy, withLive } from "../src/views/people/lookers.ts";
import { listed } from "../src/views/sessions/listed.ts";

const at = "2026-11-29T12:00:00Z";
const sales = { id: "d1", name: "Sales", parentId: null, updatedAt: at };
const employee = (id: string, name: string, departmentId: string | null): EmployeeData => ({ id, name, title: "", email: "", departmentId, userId: `u${id}`, updatedAt: at });
const session = (id: string, more: Partial<SessionData> = {}): SessionData => ({
  id,
  title: `Session ${id}`,
  hostId: "u1",
  activeSpace: "dashboard",
  maxParticipants: 50,
  invitationOnly: false,
  createdAt: at,
  endedAt: null,
  ...more,
});

test("the directory names departments first, and those online who are no employees at last", () => {
  const asked = { employees: [employee("1", "Zoe", "d1"), employee("2", "Abe", null)], departments: new Map([["d1", sales]]), online: new Map([["u9", "Root"], ["u1", "Zoe"]]), search: "", onlyOnline: false };
  const names = (groups: ReturnType<typeof directory>) => groups.map(({ department, entries }) => [department?.name, ...entries.map(({ name }) => name)]);
  assert.deepEqual(names(directory(asked)), [["Sales", "Zoe"], [undefined, "Abe", "Root"]]);
  assert.deepEqual(names(directory({ ...asked, onlyOnline: true })), [["Sales", "Zoe"], [undefined, "Root"]]);
  assert.deepEqual(names(directory({ ...asked, search: "sal zo" })), [["Sales", "Zoe"]]);
  const { shown, more } = firstOf(directory(asked), 2);
  assert.deepEqual([names(shown), more], [[["Sales", "Zoe"], [undefined, "Abe"]], 1]);
});

test("a look that was told after it was asked for counts, and one's own is not shown", () => {
  const entity = { type: "kpi", id: "k1" };
  const look = (userId: string) => ({ userId, userName: userId, entity });
  const now = withLive([look("a"), look("b")], [{ ...look("b"), looking: false, at: 1 }, { ...look("c"), looking: true, at: 2 }, { ...look("c"), looking: true, at: 3 }]);
  assert.deepEqual(lookersBy(now, "a").get("kpi:k1"), [{ userId: "c", userName: "c" }]);
});

test("sessions are listed as they were announced last: a new one is there, an ended one is not", () => {
  const asked = ["1", "2"].map((id) => ({ session: session(id), count: 3, participants: [] }));
  const live = new Map([["1", session("1", { endedAt: at })], ["2", session("2", { title: "Renamed" })], ["3", session("3", { createdAt: "2026-11-29T13:00:00Z" })]]);
  const joined = [{ id: "p", sessionId: "2", userId: "u1", userName: "One", state: "active" as const, role: "host" as const, joinedAt: at }];
  const shown = listed(asked, live, joined, "");
  assert.deepEqual(shown.map(({ session: { title }, count }) => [title, count]), [["Session 3", 1], ["Renamed", 1]]);
  assert.deepEqual(listed(asked, live, joined, "rename").length, 1);
});
