// What is only shown: figures, times, people, and what is said where there is nothing to show.

import type { ComponentChildren } from "preact";
import { now } from "../app/clock.ts";
import { ago, exactly, moment, shortly } from "../app/words.ts";
import { Button } from "./controls.tsx";

/** A number with its unit, shortened where it is long; the exact one on hover. It never breaks. */
export function Figure({ value, unit = "" }: { value: number | null; unit?: string }) {
  if (value === null) return <span class="figure" title="No value yet">–</span>;
  const text = shortly(value);
  return (
    <span class="figure" title={`${exactly(value)}${unit && ` ${unit}`}`}>
      <data value={`${value}`}>{text}</data>
      {unit && <span class="unit">{unit}</span>}
    </span>
  );
}

/** How long ago, and exactly when on hover. */
export function Ago({ at }: { at: string }) {
  return <time dateTime={at} title={moment(at)}>{ago(at, now.value)}</time>;
}

export function Badge({ tone = "soft", children, title }: { tone?: "soft" | "good" | "warning" | "bad" | "accent"; children: ComponentChildren; title?: string }) {
  return <span class={`badge ${tone}`} title={title}>{children}</span>;
}

const COLOURS = 8;

/** The colour by which a person is known everywhere: a number, of a class `person-<number>` and a token `--person-<number>`. */
export function colourOf(userId: string): number {
  let sum = 0;
  for (const character of userId) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 4_294_967_291;
  return sum % COLOURS;
}

/** A person's initials in their colour; the whole name on hover. */
export function Avatar({ id, name, state = "active" }: { id: string; name: string; state?: "active" | "idle" | "disconnected" }) {
  const initials = name.split(/\s+/).filter(Boolean).slice(0, 2).map((part) => [...part][0]).join("").toUpperCase();
  const says = state === "active" ? name : `${name}, ${state}`;
  // Drawn by the style: as text they would be a part of what a control around them is called.
  return <span class={`avatar person-${colourOf(id)} ${state}`} role="img" aria-label={says} title={says} data-initials={initials} />;
}

/** A few people one over the other, and how many more there are. */
export function Avatars({ people, most = 4 }: { people: readonly { id: string; name: string }[]; most?: number }) {
  const more = people.length - most;
  return (
    <span class="avatars">
      {people.slice(0, most).map((person) => <Avatar key={person.id} {...person} />)}
      {more > 0 && <span class="avatar" title={people.slice(most).map(({ name }) => name).join(", ")}>+{more}</span>}
    </span>
  );
}

/** Said where there is nothing: why, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return <p class="loading" role="status">Loading {what} …</p>;
}

/** Something could not be loaded: what went wrong, and once more. */
export function Failed({ problem, retry }: { problem: string; retry?: () => void }) {
  return (
    <div class="failed" role="alert">
      <p>{problem}</p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}
