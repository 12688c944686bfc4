// A KPI's value, set where it is shown.

import type { KpiData } from "@bos/client";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { state } from "../../app/connection.ts";
import { maySetValue } from "../../app/rights.ts";
import { exactly } from "../../app/words.ts";
import { Button, Problem } from "../../ui/controls.tsx";
import { begin, cancel, save, type Setting, settingOf, type } from "./setting.ts";

/** Set a KPI's value: what was typed is kept until the server has it. Shows nothing to those who may not. */
export function ValueEditor({ kpi }: { kpi: KpiData }) {
  const setting = settingOf(kpi);
  const isOpen = setting.isOpen.value;
  const wasOpen = useRef(isOpen);
  const form = useRef<HTMLFormElement>(null);
  const opener = useRef<HTMLSpanElement>(null);
  const hadFocus = form.current?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    if (isOpen === wasOpen.current) return;
    wasOpen.current = isOpen;
    if (isOpen) form.current?.querySelector("input")?.select();
    else if (hadFocus) opener.current?.querySelector("button")?.focus({ preventScroll: true });
  }, [isOpen]);
  if (isOpen) return <ValueForm kpi={kpi} setting={setting} form={form} />;
  if (!maySetValue(kpi)) return null;
  return (
    <span class="value-opener" ref={opener}>
      <Button kind="plain" icon="edit" label={`Change ${kpi.name}`} data-edit onClick={() => begin(kpi)} />
    </span>
  );
}

function ValueForm({ kpi, setting, form }: { kpi: KpiData; setting: Setting; form: { current: HTMLFormElement | null } }) {
  const { text, problem, sending, before } = setting;
  const says = useId();
  const may = maySetValue(kpi);
  const isSending = sending.value !== null;
  const submit = () => {
    if (may) void save(kpi).then(() => problem.peek() && form.current?.querySelector("input")?.focus());
  };
  return (
    <form
      class="value-form"
      data-edit-form
      ref={form}
      noValidate
      onSubmit={(event) => (event.preventDefault(), submit())}
      onKeyDown={(event) => event.key === "Escape" && (event.stopPropagation(), cancel(kpi))}
    >
      <input
        type="text"
        inputMode="decimal"
        autocomplete="off"
        aria-label={`New value of ${kpi.name}`}
        aria-describedby={says}
        aria-invalid={problem.value ? true : undefined}
        readOnly={isSending}
        value={text.value}
        onInput={({ currentTarget }) => type(kpi, currentTarget.value)}
      />
      <Button kind="primary" type="submit" busy={isSending} disabled={!may}>Save</Button>
      <Button data-cancel onClick={() => cancel(kpi)}>Cancel</Button>
      <div id={says} class="value-says">
        <p class="small soft" role="status" data-value-note>{isSending ? progress() : meanwhile(before.value, kpi)}</p>
        <Problem says={may ? problem.value : "You may not set this value any more."} />
      </div>
    </form>
  );
}

function progress(): string {
  return state.value?.state === "live" ? "Saving …" : "Not connected. It will be sent when connected.";
}

/** Said where somebody else has set it since the user began. */
function meanwhile(before: number | null, { value }: KpiData): string {
  if (value === null || value === before) return "";
  return `Meanwhile it was set to ${exactly(value)}.`;
}
