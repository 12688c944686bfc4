// Buttons, fields, choices: what the user acts with.

import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

type ButtonProps = {
  kind?: "primary" | "quiet" | "plain" | "danger";
  icon?: IconName;
  /** What is done goes on: it cannot be asked for again meanwhile. */
  busy?: boolean;
  /** Where there is only an icon: what it does. */
  label?: string;
  children?: ComponentChildren;
} & Omit<ButtonHTMLAttributes, "icon" | "label" | "children">;

export function Button({ kind = "quiet", icon, busy = false, label, children, class: more = "", ...rest }: ButtonProps) {
  const classes = `button ${kind} ${children ? "" : "icon-only"} ${more}`;
  return (
    <button type="button" class={classes} aria-busy={busy || undefined} aria-disabled={busy || undefined} aria-label={label} title={label} {...rest} onClick={busy ? undefined : rest.onClick}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with it, said beside it. */
  problem?: string;
  children: (ids: { id: string; "aria-describedby": string; "aria-invalid": true | undefined }) => ComponentChildren;
}

/** One thing to fill in: its label, the control, a hint, and what the server said of it. */
export function Field({ label, hint, problem = "", children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": `${id}-says`, "aria-invalid": problem ? true : undefined })}
      <div id={`${id}-says`}>
        {hint && <p class="hint">{hint}</p>}
        <Problem says={problem} />
      </div>
    </div>
  );
}

/** What went wrong, told to screen readers when it appears. */
export function Problem({ says }: { says: string }) {
  return <p class="problem" role="alert">{says}</p>;
}

interface SearchProps {
  label: string;
  value: string;
  onSearch: (text: string) => void;
  /** The key / leads to it from wherever nothing is typed. */
  shortcut?: boolean;
}

export function SearchBox({ label, value, onSearch, shortcut = false }: SearchProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!shortcut) return;
    const follow = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyped(event.target)) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener("keydown", follow);
    return () => removeEventListener("keydown", follow);
  }, [shortcut]);
  return (
    <div class="search-box">
      <Icon name="search" />
      <input type="search" aria-label={label} aria-keyshortcuts={shortcut ? "/" : undefined} placeholder={label} ref={input} value={value} onInput={({ currentTarget }) => onSearch(currentTarget.value)} />
      {shortcut && <kbd aria-hidden="true">/</kbd>}
    </div>
  );
}

function isTyped(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=radio], [type=checkbox]), textarea, select, dialog *"));
}

interface ChoiceProps<Value extends string> {
  label: string;
  options: readonly { value: Value; label: ComponentChildren }[];
  value: Value;
  onChoose: (value: Value) => void;
}

/** One of a few, all of them to be seen. */
export function Segments<Value extends string>({ label, options, value, onChoose }: ChoiceProps<Value>) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="hidden-visually">{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChoose(option.value)} />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** One of several, in a list that opens. */
export function Select<Value extends string>({ label, options, value, onChoose }: ChoiceProps<Value>) {
  return (
    <select aria-label={label} value={value} onChange={({ currentTarget }) => onChoose(currentTarget.value as Value)}>
      {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
    </select>
  );
}

interface MenuProps {
  /** What is read out, where the button does not say it itself. */
  label?: string;
  button: ComponentChildren;
  children: ComponentChildren;
}

/** A button that opens a few links or buttons; Escape, a choice or a click elsewhere closes it. */
export function Menu({ label, button, children }: MenuProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const { current: panel } = box;
    const { current: origin } = opener;
    if (!panel || !origin) return;
    const place = (event: Event) => {
      if ((event as ToggleEvent).newState !== "open") return;
      const { bottom, right } = origin.getBoundingClientRect();
      panel.style.top = `${Math.min(bottom + 4, innerHeight - panel.offsetHeight - 8)}px`;
      panel.style.left = `${Math.max(8, Math.min(right - panel.offsetWidth, innerWidth - panel.offsetWidth - 8))}px`;
      panel.querySelector<HTMLElement>("a, button")?.focus();
    };
    panel.addEventListener("toggle", place);
    return () => panel.removeEventListener("toggle", place);
  }, []);
  return (
    <>
      <button type="button" class="button plain menu-opener" aria-label={label} title={label} popovertarget={id} ref={opener}>{button}</button>
      <div class="menu" id={id} popover="auto" ref={box} onClick={({ currentTarget }) => currentTarget.hidePopover()}>{children}</div>
    </>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question or a form before everything else; drawn while it is open. Escape closes it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  return (
    <dialog class="dialog" aria-labelledby={id} ref={dialog} onClose={onClose} onCancel={onClose}>
      <header>
        <h2 id={id}>{title}</h2>
        <Button kind="plain" icon="close" label="Close" onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}
