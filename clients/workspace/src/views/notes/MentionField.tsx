// A text in which `@` offers the people who can be mentioned: arrow keys choose, Enter or Tab takes.

import { useSignal } from "@preact/signals";
import type { TextareaHTMLAttributes } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Person } from "../../app/names.ts";
import { Avatar } from "../../ui/shown.tsx";
import { completed, offered, typedName } from "./mentions.ts";

type Props = {
  value: string;
  onText: (text: string) => void;
  people: readonly Person[];
  /** Somebody was chosen: which of several of a name is meant. */
  onMention: (person: Person) => void;
  /** Ctrl and Enter. */
  onSend: () => void;
  focused?: boolean;
} & Omit<TextareaHTMLAttributes, "value" | "onInput" | "onKeyDown" | "role">;

export function MentionField({ value, onText, people, onMention, onSend, focused = false, ...rest }: Props) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const caret = useSignal(0);
  const isOpen = useSignal(false);
  const active = useSignal(0);
  useEffect(() => {
    const { current: area } = field;
    if (!focused || !area) return;
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }, []);

  const typing = isOpen.value ? typedName(value, caret.value) : null;
  const found = typing ? offered(people, typing.typed) : [];
  const index = Math.min(active.value, found.length - 1);
  const look = (area: HTMLTextAreaElement) => {
    if (caret.value !== area.selectionStart) active.value = 0;
    caret.value = area.selectionStart;
  };
  const take = (person: Person) => {
    const { current: area } = field;
    const next = completed(value, caret.value, person.name);
    onMention(person);
    onText(next.text);
    isOpen.value = false;
    if (!area) return;
    area.value = next.text;
    area.focus();
    area.setSelectionRange(next.caret, next.caret);
  };
  const press = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return event.preventDefault(), onSend();
    const chosen = found[index];
    if (!chosen) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) active.value = (index + step + found.length) % found.length;
    else if (event.key === "Enter" || event.key === "Tab") take(chosen);
    else if (event.key === "Escape") isOpen.value = false;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="notes-mentioning">
      <textarea
        {...rest}
        ref={field}
        value={value}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={found.length > 0 ? id : undefined}
        aria-activedescendant={found.length > 0 ? `${id}-${index}` : undefined}
        onInput={({ currentTarget }) => {
          onText(currentTarget.value);
          look(currentTarget);
          isOpen.value = true;
        }}
        onKeyDown={press}
        onKeyUp={({ currentTarget }) => look(currentTarget)}
        onClick={({ currentTarget }) => look(currentTarget)}
        onBlur={() => isOpen.value = false}
      />
      {found.length > 0 && (
        <ul class="notes-people" id={id} role="listbox" aria-label="People to mention">
          {found.map((person, n) => (
            // The field keeps the focus: a press would take it away before the click.
            <li key={person.id} id={`${id}-${n}`} role="option" aria-selected={n === index} onMouseDown={(event) => event.preventDefault()} onClick={() => take(person)}>
              <span aria-hidden="true"><Avatar id={person.id} name={person.name} /></span>
              <span><b>{person.name}</b> <span class="soft small">{person.about}</span></span>
            </li>
          ))}
        </ul>
      )}
      <p class="hidden-visually" role="status">{typing && found.length > 0 ? `${found.length} to mention, ${found[index]?.name}. Arrow keys choose, Enter takes.` : ""}</p>
    </div>
  );
}
