// Choosing some people by their names: a field that finds them, and those who are chosen.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { user } from "../../app/connection.ts";
import { nameOf, people, type Person } from "../../app/names.ts";
import { Button } from "../../ui/controls.tsx";
import { Avatar } from "../../ui/shown.tsx";
import { announce } from "../../ui/told.tsx";
import { online, usePresence } from "./presence.ts";

const MOST_SHOWN = 8;
const GAP = 4; // pixels

interface PeoplePickerProps {
  /** As Field gives them. */
  ids: { id: string; "aria-describedby": string; "aria-invalid": true | undefined };
  chosen: readonly string[];
  onChange: (userIds: string[]) => void;
  /** The people who are not offered, as those who are there already. */
  except?: readonly string[];
}

/** Those whose name or place has all that was typed. */
export function found(people: readonly Person[], text: string): Person[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return people.filter(({ name, about }) => words.every((word) => `${name} ${about}`.toLowerCase().includes(word)));
}

export function PeoplePicker({ ids, chosen, onChange, except = [] }: PeoplePickerProps) {
  const text = useSignal("");
  const isOpen = useSignal(false);
  const at = useSignal(0);
  const list = useId();
  const input = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLUListElement>(null);
  usePresence();
  const options = found(people.value, text.value).filter(({ id }) => id !== user.value?.id && !chosen.includes(id) && !except.includes(id)).slice(0, MOST_SHOWN);
  const active = Math.min(at.value, options.length - 1);
  const isShown = isOpen.value && options.length > 0;
  useEffect(() => {
    if (box.current && input.current) showBelow(box.current, input.current, isShown);
  }, [isShown, options.length, chosen.length]);
  const choose = (person: Person | undefined) => {
    if (!person) return;
    onChange([...chosen, person.id]);
    announce(`${person.name} is chosen.`);
    text.value = "";
    at.value = 0;
    isOpen.value = false;
    input.current?.focus();
  };
  const remove = (userId: string) => {
    onChange(chosen.filter((id) => id !== userId));
    announce(`${nameOf(userId)} is not chosen any more.`);
    input.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      isOpen.value = true;
      at.value = (active + step + options.length) % (options.length || 1);
    } else if (event.key === "Enter") {
      // The form is sent by its button.
      event.preventDefault();
      if (isOpen.value) choose(options[active]);
    } else if (event.key === "Escape" && isOpen.value) {
      event.preventDefault();
      event.stopPropagation();
      isOpen.value = false;
    } else if (event.key === "Backspace" && !text.value && chosen.length) remove(chosen.at(-1) ?? "");
  };
  return (
    <div class="people-picker">
      {chosen.length > 0 && (
        <ul class="people-chosen">
          {chosen.map((id) => (
            <li key={id} class="badge accent">{nameOf(id)}<Button kind="plain" icon="close" label={`Remove ${nameOf(id)}`} onClick={() => remove(id)} /></li>
          ))}
        </ul>
      )}
      <input
        {...ids}
        type="text"
        role="combobox"
        autocomplete="off"
        placeholder="Name or department"
        aria-expanded={isShown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={isShown ? `${list}-${active}` : undefined}
        ref={input}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value, isOpen.value = true, at.value = 0)}
        onClick={() => isOpen.value = true}
        onBlur={() => isOpen.value = false}
        onKeyDown={press}
      />
      <ul class="people-options" id={list} role="listbox" aria-label="People" popover="manual" ref={box}>
        {options.map((person, index) => (
          // Pressed, the field keeps the focus, and the list stays until the choice is made.
          <li key={person.id} id={`${list}-${index}`} role="option" aria-selected={index === active} onMouseDown={(event) => (event.preventDefault(), choose(person))}>
            <Avatar id={person.id} name={person.name} />
            <span class="grow"><b>{person.name}</b> <span class="soft small">{person.about}</span></span>
            {online.value?.has(person.id) && <span class="small people-online">online</span>}
          </li>
        ))}
      </ul>
      {isOpen.value && text.value && !options.length && <p class="hint">Nobody of that name can be chosen.</p>}
    </div>
  );
}

/** Above everything else, so that nothing moves when it comes and goes; above the field where there is more room. */
function showBelow(box: HTMLElement, field: HTMLElement, isShown: boolean): void {
  if (!isShown) return box.hidePopover();
  box.showPopover();
  const { top, bottom, left, width } = field.getBoundingClientRect();
  const below = innerHeight - bottom;
  const isBelow = below > box.offsetHeight + GAP || below > top;
  box.style.left = `${left}px`;
  box.style.width = `${width}px`;
  box.style.top = `${isBelow ? bottom + GAP : Math.max(0, top - box.offsetHeight - GAP)}px`;
}
