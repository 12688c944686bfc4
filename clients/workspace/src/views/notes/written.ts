// What is being written, of whatever type: kept as a draft, and made into a note's content. Pure.

import type { AnnotationData } from "@bos/client";
import { type ContentType, contentOf, MOST_CHARACTERS, withWords } from "./contents.ts";
import { blank, type Drawing, writeDrawing } from "./drawings.ts";
import { webAddress } from "./links.ts";

/** Types that are written here; recordings are only played. */
export const WRITTEN_TYPES = [
  { value: "text", label: "Text" },
  { value: "markdown", label: "Markdown" },
  { value: "link", label: "Link" },
  { value: "image", label: "Picture" },
  { value: "drawing", label: "Drawing" },
] as const satisfies { value: ContentType; label: string }[];
export type WrittenType = (typeof WRITTEN_TYPES)[number]["value"];

/** Of each type on its own: whoever tries another one loses nothing. */
export interface Written {
  type: WrittenType;
  text: string;
  address: string;
  /** A data: address. */
  picture: string;
  drawing: Drawing;
  /** What the link, picture or drawing is or shows. */
  says: string;
  /** Users who were chosen to be mentioned. */
  chosen: string[];
  /** Of the note that is changed, when that began. */
  revision: number | null;
}

export const nothing: Written = { type: "text", text: "", address: "", picture: "", drawing: blank, says: "", chosen: [], revision: null };

/** The draft's text as what is being written. */
export function takenUp(kept: string): Written {
  return kept ? { ...nothing, ...JSON.parse(kept) } : nothing;
}

export function isNothing({ type, text, address, picture, drawing, says }: Written): boolean {
  return type === "text" && !(text || address || picture || says || drawing.strokes.length);
}

/** What a note is as it is about to be changed; null for what is not written here. */
export function writtenOf(note: Pick<AnnotationData, "content" | "contentType" | "mentions" | "revision">): Written | null {
  const content = contentOf(note);
  const begun = { ...nothing, chosen: [...note.mentions], revision: note.revision };
  switch (content.kind) {
    case "audio":
      return null;
    case "link":
      return { ...begun, type: "link", address: content.href, says: content.title };
    case "image":
      return { ...begun, type: "image", picture: content.src, says: content.says };
    case "drawing":
      return { ...begun, type: "drawing", drawing: content.drawing, says: content.drawing.says };
    default:
      return { ...begun, type: content.kind, text: content.text };
  }
}

export type Field = "text" | "address" | "picture" | "drawing" | "says";
export type Checked = { content: string; contentType: ContentType } | { field: Field; problem: string };

/** The note's content; or what has to be mended first, and where. */
export function checked({ type, text, address, picture, drawing, says }: Written): Checked {
  const unsaid = { field: "says", problem: "Say in words what it shows, for those who do not see it." } as const;
  switch (type) {
    case "text":
    case "markdown":
      return text.trim() ? fitting(text, type, "text") : { field: "text", problem: "Write something first." };
    case "link": {
      const url = webAddress(address.trim());
      return url ? fitting(`${url.href} ${says.trim()}`.trim(), type, "address") : { field: "address", problem: "An address of the web begins with http:// or https://." };
    }
    case "image":
      if (!picture) return { field: "picture", problem: "Choose a picture first." };
      return says.trim() ? fitting(withWords(picture, says), type, "says") : unsaid;
    case "drawing":
      if (drawing.strokes.length === 0) return { field: "drawing", problem: "Draw something first, or describe it as a text." };
      return says.trim() ? fitting(writeDrawing({ ...drawing, says }), type, "says") : unsaid;
  }
}

function fitting(content: string, contentType: ContentType, field: Field): Checked {
  const length = lengthOf(content);
  if (length <= MOST_CHARACTERS) return { content, contentType };
  return { field, problem: `${length - MOST_CHARACTERS} characters too many: a note has at most ${MOST_CHARACTERS}.` };
}

/** As the server counts: an emoji is one character. */
export function lengthOf(text: string): number {
  return text.length <= MOST_CHARACTERS ? text.length : [...text].length;
}

/** Whether a drawing fits into a note, with room for words about it. */
export function fits(drawing: Drawing): boolean {
  return writeDrawing(drawing).length <= MOST_CHARACTERS - ROOM_FOR_WORDS;
}

/** Characters that a picture leaves for what it shows. */
export const ROOM_FOR_WORDS = 1_000;
