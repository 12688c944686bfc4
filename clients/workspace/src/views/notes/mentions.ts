// Who is mentioned in a text, and completing a name that is being typed. Pure.

import type { Person } from "../../app/names.ts";

type Named = Pick<Person, "id" | "name">;

export const MOST_MENTIONS = 20;
const MOST_OFFERED = 8;
const LONGEST_TYPED = 40;

/** What is typed of a name before the caret, with where its `@` is; null where none is being typed. */
export function typedName(text: string, caret: number): { at: number; typed: string } | null {
  const before = text.slice(0, caret);
  const at = before.lastIndexOf("@");
  if (at < 0 || (at > 0 && /[\p{L}\p{N}.@]/u.test(before[at - 1] ?? ""))) return null;
  const typed = before.slice(at + 1);
  return typed.length > LONGEST_TYPED || /[\n@]|^\s|\s\s/.test(typed) ? null : { at, typed };
}

/** Those whose name, or a part of it, begins so; those first whose name does. */
export function offered<Known extends Named>(people: readonly Known[], typed: string): Known[] {
  const wanted = typed.toLocaleLowerCase();
  const rank = ({ name }: Named) => {
    const known = name.toLocaleLowerCase();
    if (known === wanted.trim()) return typed.endsWith(" ") ? -1 : 0; // named whole: nothing to complete
    if (known.startsWith(wanted)) return 1;
    return known.split(/[\s-]+/).some((part) => part.startsWith(wanted)) ? 2 : -1;
  };
  const found = people.map((person) => ({ person, rank: rank(person) })).filter((one) => one.rank >= 0);
  return found.sort((a, b) => a.rank - b.rank || a.person.name.localeCompare(b.person.name)).slice(0, MOST_OFFERED).map(({ person }) => person);
}

/** The text with the name in place of what was typed of it, and where the caret is then. */
export function completed(text: string, caret: number, name: string): { text: string; caret: number } {
  const typing = typedName(text, caret);
  if (!typing) return { text, caret };
  const before = `${text.slice(0, typing.at)}@${name} `;
  const after = text.slice(caret).replace(/^ /, "");
  return { text: before + after, caret: before.length };
}

/** The ids of those whom the text mentions by their whole name. chosen: of several of a name, these. */
export function mentionedIn(text: string, people: readonly Named[], chosen: readonly string[] = []): string[] {
  if (!text.includes("@")) return [];
  const byName = Map.groupBy(people, ({ name }) => name);
  const names = [...byName.keys()].filter((name) => name && text.includes(`@${name}`)).sort((a, b) => b.length - a.length);
  const found: string[] = [];
  let rest = text;
  for (const name of names) {
    if (!isNamed(rest, name)) continue;
    rest = rest.replaceAll(`@${name}`, " "); // else @Mia Park would also mention Mia
    const own = byName.get(name) ?? [];
    const meant = own.filter(({ id }) => chosen.includes(id));
    if (meant.length > 0) found.push(...meant.map(({ id }) => id));
    else if (own.length === 1 && own[0]) found.push(own[0].id);
  }
  return found;
}

function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1)) {
    if (!/^[\p{L}\p{N}]/u.test(text.slice(at + name.length + 1))) return true;
  }
  return false;
}
