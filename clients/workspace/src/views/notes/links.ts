// What in a text is an address, or a person who is mentioned. Pure.

export type Piece =
  | { kind: "text"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string };

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const AFTER = /[.,;:!?'"»”’)\]}]+$/;

/** The address, if it is one of the web; everything else is no link. */
export function webAddress(text: string): URL | null {
  if (!/^https?:\/\//i.test(text)) return null;
  const url = URL.parse(text);
  return url && ["http:", "https:"].includes(url.protocol) && url.hostname ? url : null;
}

/** A text in its pieces. names: of those who are mentioned. */
export function piecesOf(text: string, names: readonly string[] = []): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(AFTER, (tail) => kept(match[0], tail));
    const url = webAddress(address);
    if (!url) continue;
    pieces.push(...mentionsOf(text.slice(end, match.index), names), { kind: "link", text: address, href: url.href });
    end = match.index + address.length;
  }
  pieces.push(...mentionsOf(text.slice(end), names));
  return pieces;
}

/** What of an address's tail belongs to it: a bracket that it has opened itself. */
function kept(address: string, tail: string): string {
  return tail.startsWith(")") && address.slice(0, -tail.length).includes("(") ? ")" : "";
}

function mentionsOf(text: string, names: readonly string[]): Piece[] {
  if (!text) return [];
  const longestFirst = [...names].filter(Boolean).sort((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return [{ kind: "text", text }];
  const known = new RegExp(`(@(?:${longestFirst.map(escaped).join("|")})(?![\\p{L}\\p{N}]))`, "u");
  const parts = text.split(known);
  return parts.map((part, index): Piece => index % 2 ? { kind: "mention", text: part } : { kind: "text", text: part }).filter((piece) => piece.text);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
