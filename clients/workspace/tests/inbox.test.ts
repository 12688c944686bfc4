import assert from "node:assert/strict";
import { test } from "node:test";
import type { Away } from "@bos/client";
import { isOfThisPage, notificationPlace } from "../src/app/places.ts";
import { AWAY_MS, headlines, isNews, moved, since } from "../src/views/inbox/summary.ts";

const nothing: Away = { since: 1, sinceAt: "2026-11-29T12:00:00Z", sequence: 2, complete: true, from: 1, fromAt: "2026-11-29T12:00:00Z" };
const note = { annotationId: "n", sessionId: null, parentId: null, authorId: "m", authorName: "Mia", content: "Why?", contentType: "text", entityType: null, entityId: null, createdAt: "2026-11-29T12:00:00Z" };

test("a time is told as people say it", () => {
  const now = Date.parse("2026-11-29T12:00:00Z"); // a Sunday
  assert.match(since("2026-11-29T09:10:00Z", now), /^today 9:10\sAM$/);
  assert.match(since("2026-11-28T23:59:00Z", now), /^yesterday 11:59\sPM$/);
  assert.match(since("2026-11-23T12:00:00Z", now), /^Monday 12:00\sPM$/);
  assert.match(since("2026-11-22T12:00:00Z", now), /^Nov 22, 2026 12:00\sPM$/);
});

test("what was missed is counted, one thing as one", () => {
  const away: Away = {
    ...nothing,
    kpis: { count: 12, lines: [] },
    alerts: { count: 2, resolved: 1, lines: [] },
    notes: { count: 1, lines: [{ ...note, mentionsMe: true }] },
  };
  assert.deepEqual(headlines(away), ["12 KPIs changed", "2 alerts (1 resolved)", "1 note (1 mentions you)"]);
});

test("it is news to whoever was away, where something has happened", () => {
  const back = Date.parse("2026-11-29T12:00:00Z") + AWAY_MS;
  const something: Away = { ...nothing, reports: { count: 1, lines: [] } };
  assert.equal(isNews(something, back), true);
  assert.equal(isNews(something, back - 1), false);
  assert.equal(isNews(nothing, back), false);
  assert.equal(isNews({ ...something, since: null, sinceAt: null }, back), false);
});

test("a change is a share of what was there before, also below 0", () => {
  assert.equal(moved(100, 93), -0.07);
  assert.equal(moved(-4, -2), 0.5);
  assert.equal(moved(0, 5), null);
  assert.equal(moved(null, 5), null);
});

test("a notification leads to what it tells of, and to nothing that its reader may not see", () => {
  const place = (category: string, data: object, isAdmin = false) => notificationPlace({ category, data }, isAdmin);
  assert.equal(place("alert", { alertId: "a", kpiId: "k" }), "/kpi/k");
  assert.equal(place("mention", { annotationId: "n", entityType: "kpi", entityId: "k" }), "/kpi/k?note=n");
  assert.equal(place("mention", { annotationId: "n", sessionId: "s", entityType: "kpi", entityId: "k" }), "/session/s?note=n");
  assert.equal(place("session_invitation", { sessionId: "s", hostId: "h" }), "/session/s");
  assert.equal(place("report_failed", { reportId: "r", requestId: "q" }), "/reports");
  assert.equal(place("import_failed", { importId: "i" }), null);
  assert.equal(place("import_failed", { importId: "i" }, true), "/admin/bos/import/i/change/");
  assert.equal(place("delivery_failed", {}, true), "/admin/bos/delivery/");
  assert.equal(place("of a newer server", {}, true), null);
  assert.equal(isOfThisPage("/admin/bos/delivery/"), false);
  assert.equal(isOfThisPage("/kpi/k?note=n"), true);
});
