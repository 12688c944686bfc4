// What is said once: to those who look, for a few seconds, and to screen readers.

import { signal } from "@preact/signals";
import { Button } from "./controls.tsx";

const SHOWN_MS = 8_000;

interface Notice {
  text: string;
  act?: { label: string; run: () => void };
}

const notice = signal<Notice | null>(null);
const announced = signal("");
let timer: ReturnType<typeof setTimeout>;

/** Show a line at the bottom for a while, with something that can be done about it. */
export function tell(text: string, act?: Notice["act"]): void {
  notice.value = { text, act };
  clearTimeout(timer);
  timer = setTimeout(() => notice.value = null, SHOWN_MS);
}

/** Tell those who use a screen reader what others see happen. */
export function announce(text: string): void {
  announced.value = text;
}

export function Told() {
  const shown = notice.value;
  const done = () => notice.value = null;
  return (
    <>
      <p class="hidden-visually" role="status" data-announcement>{announced.value}</p>
      <div class="notices" role="status" data-notice>
        {shown && (
          <p class="notice">
            {shown.text}
            {shown.act && <Button kind="plain" onClick={() => (done(), shown.act?.run())}>{shown.act.label}</Button>}
            <Button kind="plain" icon="close" label="Dismiss" onClick={done} />
          </p>
        )}
      </div>
    </>
  );
}
