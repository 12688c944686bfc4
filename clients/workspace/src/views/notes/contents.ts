// What a note says, by the type of its content. Whatever is not as its type wants it is text. Pure.

import type { AnnotationData } from "@bos/client";
import { type Drawing, parseDrawing } from "./drawings.ts";
import { webAddress } from "./links.ts";

export type ContentType = AnnotationData["contentType"];
export const MOST_CHARACTERS = 10_000;

export type Content =
  | { kind: "text"; text: string }
  | { kind: "markdown"; text: string }
  | { kind: "link"; href: string; host: string; title: string }
  | { kind: "image"; src: string; says: string }
  | { kind: "audio"; src: string }
  | { kind: "drawing"; drawing: Drawing };

const IMAGE = /^data:image\/(?:png|jpeg|webp|gif)(;[^,]{0,2000})?;base64,[A-Za-z0-9+/=\s]+$/i;
const AUDIO = /^data:audio\/[a-z0-9.+-]{1,40}(?:;[^,]{0,200})?;base64,[A-Za-z0-9+/=\s]+$/i;

export function contentOf({ content, contentType }: Pick<AnnotationData, "content" | "contentType">): Content {
  const text = content.trim();
  switch (contentType) {
    case "markdown":
      return { kind: "markdown", text: content };
    case "link":
      return linkOf(text) ?? { kind: "text", text: content };
    case "image":
      return imageOf(text) ?? linkOf(text) ?? { kind: "text", text: content };
    case "audio":
      return AUDIO.test(text) ? { kind: "audio", src: text } : linkOf(text) ?? { kind: "text", text: content };
    case "drawing": {
      const drawing = parseDrawing(text);
      return drawing ? { kind: "drawing", drawing } : { kind: "text", text: content };
    }
    default:
      return { kind: "text", text: content };
  }
}

/** An address, and after it what it is called. */
function linkOf(text: string): Content | null {
  const [address = "", ...title] = text.split(/\s+/);
  const url = webAddress(address);
  return url && { kind: "link", href: url.href, host: url.host, title: title.join(" ") };
}

function imageOf(text: string): Content | null {
  const found = IMAGE.exec(text);
  if (!found) return null;
  const said = /;alt=([^;]*)/i.exec(found[1] ?? "")?.[1] ?? "";
  return { kind: "image", src: text, says: decoded(said) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An image's address with what it shows in it: a parameter of its type, so that it stays an address. */
export function withWords(dataUrl: string, says: string): string {
  const [head = "", data = ""] = dataUrl.split(",", 2);
  const type = head.replace(/;alt=[^;]*/i, "").replace(/;base64$/i, "");
  return `${type};alt=${encodeURIComponent(says.trim())};base64,${data}`;
}

/** What a note says in words: to be searched, quoted and read out. */
export function wordsOf(note: Pick<AnnotationData, "content" | "contentType">): string {
  const content = contentOf(note);
  switch (content.kind) {
    case "link":
      return `${content.title} ${content.href}`.trim();
    case "image":
      return content.says || "A picture";
    case "drawing":
      return content.drawing.says || "A drawing";
    case "audio":
      return "A recording";
    default:
      return content.text;
  }
}

/** The same in a line. */
export function briefly(note: Pick<AnnotationData, "content" | "contentType">, most = 90): string {
  const line = wordsOf(note).replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most).trimEnd()}…` : line;
}
