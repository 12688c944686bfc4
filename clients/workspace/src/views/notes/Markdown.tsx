// Markdown as elements: what `marked` has read, a small part of which is shown as more than text.

import { lexer, type Token, type Tokens } from "marked";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { Address, Pieces, type TextProps } from "./Content.tsx";
import { webAddress } from "./links.ts";

const DEEPEST = 12;
const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": "\u00a0" };

export function Markdown({ text, names }: TextProps) {
  const tokens = useMemo(() => read(text), [text]);
  if (!tokens) return <p class="notes-text"><Pieces text={text} names={names} /></p>;
  return <div class="notes-markdown">{shown(tokens, names, 0)}</div>;
}

/** null for what is nested deeper than can be read. */
function read(text: string): Token[] | null {
  try {
    return lexer(text, { gfm: true, breaks: true });
  } catch {
    return null;
  }
}

function shown(tokens: readonly Token[] = [], names: readonly string[], depth: number): ComponentChildren {
  return tokens.map((token, n) => <Shown key={n} token={token as Known} names={names} depth={depth + 1} />);
}

type Known =
  | Tokens.Heading | Tokens.Paragraph | Tokens.Blockquote | Tokens.List | Tokens.Code | Tokens.Table | Tokens.Hr | Tokens.Space | Tokens.Def
  | Tokens.Strong | Tokens.Em | Tokens.Del | Tokens.Codespan | Tokens.Br | Tokens.Link | Tokens.Image | Tokens.Text | Tokens.Escape | Tokens.HTML;

interface ShownProps {
  token: Known;
  names: readonly string[];
  depth: number;
}

function Shown({ token, names, depth }: ShownProps) {
  if (depth > DEEPEST) return <>{token.raw}</>;
  const inside = (tokens?: readonly Token[]) => shown(tokens, names, depth);
  switch (token.type) {
    case "heading": // not in the page's own outline
      return <p><strong>{inside(token.tokens)}</strong></p>;
    case "paragraph":
      return <p>{inside(token.tokens)}</p>;
    case "blockquote":
      return <blockquote>{inside(token.tokens)}</blockquote>;
    case "list":
      return <List token={token} names={names} depth={depth} />;
    case "code":
      return <pre tabIndex={0} aria-label="Code"><code>{token.text}</code></pre>;
    case "table":
      return <Table token={token} names={names} depth={depth} />;
    case "hr":
      return <hr />;
    case "space":
    case "def": // what a link elsewhere names
      return null;
    case "strong":
      return <strong>{inside(token.tokens)}</strong>;
    case "em":
      return <em>{inside(token.tokens)}</em>;
    case "del":
      return <del>{inside(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return <LinkShown token={token} names={names} />;
    case "image": // of a foreign host: a link, which the reader may follow
      return webAddress(token.href) ? <Address href={token.href}>{token.text || token.href}</Address> : <>{token.raw}</>;
    case "text":
    case "escape":
      return "tokens" in token && token.tokens ? <>{inside(token.tokens)}</> : <Pieces text={plain(token.text)} names={names} />;
    case "html":
      return token.block ? <p class="notes-text"><Pieces text={token.raw.trim()} names={names} /></p> : <>{token.raw}</>;
    default: // whatever else there may be
      return <>{(token as Token).raw}</>;
  }
}

function LinkShown({ token, names }: { token: Tokens.Link; names: readonly string[] }) {
  const url = webAddress(token.href);
  return url ? <Address href={url.href}>{wordsIn(token.tokens) || url.href}</Address> : <Pieces text={token.raw} names={names} />;
}

/** The text alone: an address in the words of a link is no second one. */
function wordsIn(tokens: readonly Token[]): string {
  return tokens.map((token) => "tokens" in token && token.tokens ? wordsIn(token.tokens) : "text" in token ? plain(token.text) : "").join("");
}

function List({ token, names, depth }: ShownProps & { token: Tokens.List }) {
  const items = token.items.map((item, n) => (
    <li key={n}>
      {item.task && <span aria-hidden="true">{item.checked ? "☑ " : "☐ "}</span>}
      {item.task && <span class="hidden-visually">{item.checked ? "done: " : "to do: "}</span>}
      {shown(item.tokens.filter(({ type }) => type !== "checkbox"), names, depth)}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token, names, depth }: ShownProps & { token: Tokens.Table }) {
  const cells = (row: readonly Tokens.TableCell[], Cell: "td" | "th") => row.map((cell, n) => <Cell key={n}>{shown(cell.tokens, names, depth)}</Cell>);
  return (
    <div class="scrolls" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead><tr>{cells(token.header, "th")}</tr></thead>
        <tbody>{token.rows.map((row, n) => <tr key={n}>{cells(row, "td")}</tr>)}</tbody>
      </table>
    </div>
  );
}

/** Markdown writes some characters as entities. */
function plain(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
}
