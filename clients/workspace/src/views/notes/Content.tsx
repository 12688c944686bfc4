// What a note says, by its type, safely: never as HTML, and no address but one of the web leads anywhere.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { AnnotationData } from "@bos/client";
import { contentOf } from "./contents.ts";
import { DrawingShown } from "./Drawing.tsx";
import { piecesOf } from "./links.ts";

export interface TextProps {
  text: string;
  /** Of those who are mentioned. */
  names: readonly string[];
}

export function NoteContent({ note, names }: { note: Pick<AnnotationData, "content" | "contentType" | "authorName">; names: readonly string[] }) {
  const content = useMemo(() => contentOf(note), [note.content, note.contentType]);
  switch (content.kind) {
    case "markdown":
      return <Markdown text={content.text} names={names} />;
    case "link":
      return (
        <p class="notes-text">
          <Address href={content.href}>{content.title || content.href}</Address> <span class="soft small">{content.host}</span>
        </p>
      );
    case "image":
      return (
        <figure class="notes-figure">
          <Played src={content.src} says="This picture cannot be shown."><img class="notes-image" src={content.src} alt={content.says || `A picture by ${note.authorName}`} loading="lazy" decoding="async" /></Played>
          {content.says && <figcaption class="small soft">{content.says}</figcaption>}
        </figure>
      );
    case "audio":
      return <Played src={content.src} says="This recording cannot be played."><audio class="notes-audio" controls preload="metadata" src={content.src} aria-label={`A recording by ${note.authorName}`} /></Played>;
    case "drawing":
      return <DrawingShown drawing={content.drawing} />;
    default:
      return <p class="notes-text"><Pieces text={content.text} names={names} /></p>;
  }
}

/** What the browser shows or plays, and what is said where it cannot. */
function Played({ src, says, children }: { src: string; says: string; children: ComponentChildren }) {
  const broken = useSignal("");
  if (broken.value === src) return <p class="notes-text soft">{says}</p>;
  return <div onErrorCapture={() => broken.value = src}>{children}</div>;
}

/** An address of the web, opened without a word about where one comes from. */
export function Address({ href, children }: { href: string; children: ComponentChildren }) {
  return <a href={href} target="_blank" rel="noopener noreferrer nofollow">{children}</a>;
}

/** A text with its addresses and mentions marked. */
export function Pieces({ text, names }: TextProps) {
  return (
    <>
      {piecesOf(text, names).map((piece, n) => {
        if (piece.kind === "link") return <Address key={n} href={piece.href}>{piece.text}</Address>;
        return piece.kind === "mention" ? <b key={n} class="notes-mention">{piece.text}</b> : piece.text;
      })}
    </>
  );
}

// What reads Markdown comes with the first note that is written in it.
let reader: ComponentType<TextProps> | null = null;

function Markdown(props: TextProps) {
  const isThere = useSignal(reader !== null);
  useEffect(() => {
    if (reader === null) import("./Markdown.tsx").then((module) => (reader = module.Markdown, isThere.value = true), () => {}); // else it stays text
  }, []);
  const Reader = isThere.value ? reader : null;
  return Reader ? <Reader {...props} /> : <p class="notes-text"><Pieces {...props} /></p>;
}
