import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnnotationData } from "@bos/client";
import { contentOf, withWords, wordsOf } from "../src/views/notes/contents.ts";
import { blank, parseDrawing, simplified, writeDrawing } from "../src/views/notes/drawings.ts";
import { piecesOf, webAddress } from "../src/views/notes/links.ts";
import { completed, mentionedIn, offered, typedName } from "../src/views/notes/mentions.ts";
import { countBelow, noteThreads } from "../src/views/notes/threads.ts";
import { checked, nothing, takenUp, writtenOf } from "../src/views/notes/written.ts";

const DOT = "data:image/png;base64,iVBORw0KGgo=";

function note(id: string, more: Partial<AnnotationData> = {}): AnnotationData {
  const at = "2026-11-29T12:00:00Z";
  return {
    id, sessionId: null, authorId: "u", authorName: "Mia", position: { x: 0, y: 0, z: 0 }, content: `Note ${id}`, contentType: "text",
    entity: { type: "kpi", id: "k" }, parentId: null, revision: 1, createdAt: at, updatedAt: at, mentions: [], resolvedAt: null, resolvedBy: null, entityArchived: false, ...more,
  };
}
const ids = (threads: ReturnType<typeof noteThreads>) => threads.map((thread) => [thread.note.id, ...thread.replies.map((reply) => reply.id)].join(" "));

test("answers to answers are in the thread that they began in, and an orphan begins one", () => {
  const notes = [note("c", { parentId: "b", createdAt: "2026-11-29T12:00:02Z" }), note("a"), note("b", { parentId: "a", createdAt: "2026-11-29T12:00:01Z" }), note("d", { parentId: "gone", createdAt: "2026-11-29T12:00:03Z" })];
  assert.deepEqual(ids(noteThreads(notes)), ["a b c", "d"]);
  assert.deepEqual(ids(noteThreads(notes, { newestFirst: true })), ["d", "a b c"]);
  const [, a] = notes;
  assert.equal(a && countBelow(a, notes), 2);
});

test("answers in a circle, as no server sends them, end", () => {
  const notes = [note("a", { parentId: "b" }), note("b", { parentId: "a" })];
  assert.deepEqual(new Set(ids(noteThreads(notes)).flatMap((thread) => thread.split(" "))), new Set(["a", "b"]));
  assert.ok(notes[0] && countBelow(notes[0], notes) > 0);
});

test("a thread is found by its answers, and one that an address leads to is there whatever is filtered", () => {
  const notes = [note("a"), note("b", { parentId: "a", content: "The FEED was late" }), note("c", { resolvedAt: "2026-11-29T13:00:00Z" })];
  assert.deepEqual(ids(noteThreads(notes, { search: "feed" })), ["a b"]);
  assert.deepEqual(ids(noteThreads(notes, { shown: "open" })), ["a b"]);
  assert.deepEqual(ids(noteThreads(notes, { shown: "resolved" })), ["c"]);
  assert.deepEqual(ids(noteThreads(notes, { shown: "open", search: "nothing has this", always: new Set(["c"]) })), ["c"]);
});

test("only addresses of the web are links", () => {
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "//example.org", "ftp://example.org", "http://", "JAVASCRIPT:x", "http:example.org"]) assert.equal(webAddress(bad), null, bad);
  assert.equal(webAddress("HTTPS://example.org/a")?.href, "https://example.org/a");
  assert.deepEqual(piecesOf("see (https://example.org/a_(b)), or http://x.y."), [
    { kind: "text", text: "see (" },
    { kind: "link", text: "https://example.org/a_(b)", href: "https://example.org/a_(b)" },
    { kind: "text", text: "), or " },
    { kind: "link", text: "http://x.y", href: "http://x.y/" },
    { kind: "text", text: "." },
  ]);
});

test("what is not as its type wants it is shown as text", () => {
  const text = (content: string, contentType: AnnotationData["contentType"]) => contentOf({ content, contentType }).kind === "text";
  assert.ok(text("javascript:alert(1)", "link"));
  assert.ok(text("data:image/svg+xml;base64,PHN2Zz4=", "image"));
  assert.ok(text("data:text/html;base64,PHN2Zz4=", "audio"));
  for (const broken of ["", "null", "[]", "7", '{"strokes":7}', '{"width":1,"height":1,"strokes":[{"points":[1]}]}', '{"width":1e9,"height":1,"strokes":[]}', '{"width":1,"height":1,"strokes":[{"points":["x","y"]}]}']) assert.ok(text(broken, "drawing"), broken);
  assert.equal(contentOf({ content: "https://example.org/a.png", contentType: "image" }).kind, "link");
});

test("a picture says what it shows, and stays an address", () => {
  const content = withWords(withWords(DOT, "first"), "A plan; with commas, “quotes” & 100 %");
  assert.ok(content.startsWith("data:image/png;alt=A%20plan"));
  assert.equal(content.split(",").length, 2);
  assert.deepEqual(contentOf({ content, contentType: "image" }), { kind: "image", src: content, says: "A plan; with commas, “quotes” & 100 %" });
  assert.equal(wordsOf({ content: DOT, contentType: "image" }), "A picture");
});

test("a drawing is the same after it was kept, and a straight line is two points", () => {
  const drawing = { ...blank, strokes: [{ colour: 2, points: [1, 2, 3, 4] }], says: "The peak" };
  assert.deepEqual(parseDrawing(writeDrawing(drawing)), drawing);
  assert.deepEqual(simplified([0, 0, 1.2, 1.1, 50, 50, 99.6, 100]), [0, 0, 100, 100]);
  assert.deepEqual(simplified([0, 0, 50, 40, 100, 0]), [0, 0, 50, 40, 100, 0]);
  assert.deepEqual(simplified([7, 8]), [7, 8]);
});

test("a name that is being typed is completed, and one typed whole mentions", () => {
  const people = [{ id: "1", name: "Mia" }, { id: "2", name: "Mia Park" }, { id: "3", name: "Bob Stone" }, { id: "4", name: "Sam" }, { id: "5", name: "Sam" }];
  assert.deepEqual(typedName("ask @mi", 7), { at: 4, typed: "mi" });
  assert.equal(typedName("mia@example.org", 6), null);
  assert.deepEqual(offered(people, "st").map(({ id }) => id), ["3"]);
  assert.deepEqual(offered(people, "mi").map(({ id }) => id), ["1", "2"]);
  assert.deepEqual(offered(people, "bob stone "), []);
  assert.deepEqual(completed("ask @st now", 7, "Bob Stone"), { text: "ask @Bob Stone now", caret: 15 });
  assert.deepEqual(mentionedIn("@Mia Park and @Bob Stoney, @Sam", people), ["2"]);
  assert.deepEqual(mentionedIn("@Mia, @Mia Park, @Sam", people, ["5"]).sort(), ["1", "2", "5"]);
});

test("what was written comes back from its draft, and says what is missing where it is missing", () => {
  const link = { ...nothing, type: "link" as const, address: "example.org" };
  assert.deepEqual(takenUp(JSON.stringify(link)), link);
  assert.deepEqual(checked(link), { field: "address", problem: "An address of the web begins with http:// or https://." });
  assert.deepEqual(checked({ ...link, address: " https://example.org ", says: "Home" }), { content: "https://example.org/ Home", contentType: "link" });
  assert.deepEqual(checked({ ...nothing, type: "image", picture: DOT }), { field: "says", problem: "Say in words what it shows, for those who do not see it." });
  assert.deepEqual(checked({ ...nothing, text: "x".repeat(10_001) }), { field: "text", problem: "1 characters too many: a note has at most 10000." });
  assert.deepEqual(checked({ ...nothing, text: "😀".repeat(10_000) }), { content: "😀".repeat(10_000), contentType: "text" });
  assert.equal(writtenOf(note("a", { content: "https://example.org Home", contentType: "link" }))?.says, "Home");
});
