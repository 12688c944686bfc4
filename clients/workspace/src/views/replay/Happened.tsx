// The list of what happened in a meeting, beside its line of time: a click goes there.

import type { ReadonlySignal } from "@preact/signals";
import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { choose, chosen } from "../../app/router.tsx";
import { Segments } from "../../ui/controls.tsx";
import { LANES, type Lane, type Mark } from "./marks.ts";
import type { Player } from "./player.ts";
import { countUntil } from "./recording.ts";
import { clock } from "./time.ts";

/** Shown before and after where it is: there may be thousands. */
const AROUND = 100;
const OPTIONS = [
  { value: "", label: "All" },
  { value: "people", label: "People" },
  { value: "notes", label: "Notes" },
  { value: "values", label: "Values" },
] as const;

export function Happened({ marks, player }: { marks: ReadonlySignal<Mark[]>; player: Player }) {
  const lane = LANES.find((one) => one === chosen("show")) ?? "";
  return (
    <section class="panel replay-happened" aria-labelledby="replay-happened">
      <header>
        <h2 id="replay-happened">What happened</h2>
        <Segments label="Show" options={OPTIONS} value={lane} onChoose={(show) => choose({ show })} />
      </header>
      <Entries key={lane} marks={marks} lane={lane} player={player} />
    </section>
  );
}

function Entries({ marks, lane, player: { at, seek } }: { marks: ReadonlySignal<Mark[]>; lane: Lane | ""; player: Player }) {
  const shown = useComputed(() => lane ? marks.value.filter((mark) => mark.lane === lane) : marks.value);
  const offsets = useComputed(() => shown.value.map(({ offset }) => offset));
  const here = useComputed(() => countUntil(offsets.value, at.value) - 1);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const box = list.current;
    const current = box?.querySelector<HTMLElement>("[aria-current]")?.parentElement;
    if (!box || !current) return;
    const top = current.offsetTop; // the list is what it is placed in
    if (top < box.scrollTop || top + current.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
  }, [here.value]);
  const first = Math.max(0, here.value - AROUND);
  const last = Math.min(shown.value.length, here.value + AROUND);
  if (shown.value.length === 0) return <p class="soft">Nothing of this kind happened.</p>;
  return (
    <ol ref={list}>
      {first > 0 && <li><More count={first} when="before" onClick={() => seek(offsets.value[first - 1] ?? 0)} /></li>}
      {shown.value.slice(first, last).map(({ key, lane: of, offset, says }, index) => (
        <li key={key} data-lane={of} data-past={first + index <= here.value || undefined}>
          <button type="button" aria-current={first + index === here.value ? "step" : undefined} onClick={() => seek(offset)}>
            <span class="replay-when">{clock(offset)}</span>
            <span class="replay-text">{says()}</span>
          </button>
        </li>
      ))}
      {last < shown.value.length && <li><More count={shown.value.length - last} when="after" onClick={() => seek(offsets.value[last] ?? 0)} /></li>}
    </ol>
  );
}

function More({ count, when, onClick }: { count: number; when: "before" | "after"; onClick: () => void }) {
  return <button type="button" class="replay-more" onClick={onClick}>{count} {when} that</button>;
}
