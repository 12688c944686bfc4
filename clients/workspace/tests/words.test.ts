import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestRefused } from "@bos/client";
import { ago, exactly, inWords, isOnTarget, shortly } from "../src/app/words.ts";

test("a long number is shortened, and exactly what it is beside it", () => {
  assert.equal(shortly(99_999), "99,999");
  assert.equal(shortly(1_234_567), "1.235M");
  assert.equal(exactly(1_234_567.8901), "1,234,567.8901");
});

test("a KPI of which less is better is on target below it", () => {
  assert.equal(isOnTarget({ value: 3, target: 4, direction: "lower" }), true);
  assert.equal(isOnTarget({ value: 3, target: 4, direction: "higher" }), false);
  assert.equal(isOnTarget({ value: 3, target: null, direction: "higher" }), null);
});

test("an age is told in the largest unit that is full", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  assert.equal(ago("2026-11-29T11:59:31Z", now), "just now");
  assert.equal(ago("2026-11-29T10:00:00Z", now), "2 hr. ago");
});

test("of a refused field the user reads what is wrong with it", () => {
  const details = { field: "payload.value", reason: "At most 4 decimals" };
  assert.equal(inWords(new RequestRefused("Invalid message", { code: "INVALID_MESSAGE_FORMAT", details })), "At most 4 decimals.");
  assert.equal(inWords(new TypeError("x is undefined")), "The server does not answer.");
});
