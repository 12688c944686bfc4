// The line of time with its controls, the scene at that moment, and the list of all that happened.

import type { KpiData } from "@bos/client";
import { type ReadonlySignal, type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { all } from "../../app/live.ts";
import { Button, Segments } from "../../ui/controls.tsx";
import { ranges } from "../stage/now.ts";
import { Stage } from "../stage/Stage.tsx";
import { Happened } from "./Happened.tsx";
import { DETAIL, LANES, type Lane, type Mark, marksOf, placesOf } from "./marks.ts";
import { type Player, setSkipsIdle, setSpeed, skipsIdle, speed, usePlayer } from "./player.ts";
import { type Moment, type Recording, sceneAt, stepUntil } from "./recording.ts";
import { NotesThen, PeopleThen, ValuesThen } from "./Then.tsx";
import { clock, movedBy, SPEEDS, spoken } from "./time.ts";

const wallTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const wallDay = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export function Playback({ recording }: { recording: Recording }) {
  const player = usePlayer(recording);
  const kpis = useKpisOf(recording);
  // Drawn again where something changes, not with each tick.
  const step = useComputed(() => stepUntil(recording, player.at.value));
  const now = useComputed(() => sceneAt(recording, step.value));
  const marks = useComputed(() => marksOf(recording, (id) => kpis.value.get(id) ?? { name: "A KPI", unit: "" }));
  return (
    <>
      <Controls recording={recording} player={player} marks={marks} />
      <div class="replay-parts">
        <div class="replay-scene stack">
          <Scene recording={recording} now={now} kpis={kpis} />
          <PeopleThen now={now} />
          <ValuesThen recording={recording} now={now} kpis={kpis} />
          <NotesThen now={now} names={recording.names} kpis={kpis} />
        </div>
        <Happened marks={marks} player={player} />
      </div>
    </>
  );
}

export type Kpis = ReadonlySignal<ReadonlyMap<string, KpiData>>;

/** The KPIs as they were when this was opened: names and targets of then are not kept. */
function useKpisOf({ start }: Recording): Kpis {
  const found = useSignal<ReadonlyMap<string, KpiData>>(new Map());
  useSignalEffect(() => {
    const shown = all("kpi");
    const known = found.peek();
    if ([...start.keys()].some((id) => !known.has(id) && shown.has(id))) found.value = new Map([...shown, ...known]);
  });
  return found;
}

/** The same in space: a place for each department, and what stands there. */
function Scene({ recording, now, kpis }: { recording: Recording; now: ReadonlySignal<Moment>; kpis: Kpis }) {
  const scene = useComputed(() => {
    const { notes, values } = now.value;
    const shown = [...kpis.value.values()].filter(({ id }) => values.has(id));
    return {
      departments: [...all("department").values()],
      kpis: shown.map((kpi) => ({ ...kpi, value: values.get(kpi.id) ?? null })),
      notes,
      names: recording.names,
      ranges: ranges.value,
    };
  });
  return <div class="replay-stage"><Stage scene={scene.value} /></div>;
}

// ------------------------------------------------------------------ controls

interface ControlsProps {
  recording: Recording;
  player: Player;
  marks: ReadonlySignal<Mark[]>;
}

function Controls({ recording, player, marks }: ControlsProps) {
  const { isPlaying, toggle } = player;
  return (
    <section class="panel replay-controls" aria-label="Play back">
      <AsOf recording={recording} at={player.at} />
      <Line recording={recording} player={player} marks={marks} />
      <div class="row">
        <Button kind="primary" icon={isPlaying.value ? "pause" : "play"} onClick={toggle} data-play>{isPlaying.value ? "Pause" : "Play"}</Button>
        <Segments label="Speed" options={SPEEDS.map((value) => ({ value, label: `${value}×` }))} value={speed()} onChoose={setSpeed} />
        <label class="replay-skip"><input type="checkbox" checked={skipsIdle()} onChange={({ currentTarget }) => setSkipsIdle(currentTarget.checked)} /> Skip idle stretches</label>
      </div>
    </section>
  );
}

function AsOf({ recording: { from, length }, at }: { recording: Recording; at: Signal<number> }) {
  const shown = Math.floor(at.value / 1000) * 1000;
  return (
    <p class="replay-as-of" data-as-of>
      <span>As of <b><time dateTime={new Date(from + shown).toISOString()}>{wallTime.format(from + shown)}</time></b>, {wallDay.format(from + shown)}</span>
      <span class="soft"><span data-since>{clock(shown)}</span> of {clock(length)}</span>
      <span class="soft replay-not-live">Nothing here is live</span>
    </p>
  );
}

function Line({ recording, player: { at, seek, toggle }, marks }: ControlsProps) {
  const { from, length } = recording;
  const shown = Math.floor(at.value / 1000) * 1000;
  const press = (event: KeyboardEvent) => {
    const to = movedBy(event.key, at.peek(), length);
    if (event.key === " ") toggle();
    else if (to === null) return;
    else seek(to);
    event.preventDefault();
  };
  return (
    <div class="replay-line">
      <input
        type="range" min={0} max={length} step="any" value={at.value} aria-label="Time of the meeting"
        aria-valuetext={`${wallTime.format(from + shown)}, ${spoken(shown)} of ${spoken(length)}`}
        onInput={({ currentTarget }) => seek(currentTarget.valueAsNumber)} onKeyDown={press}
      />
      {LANES.map((lane) => <LaneOf key={lane} lane={lane} marks={marks} length={length} />)}
    </div>
  );
}

export const LANE_NAMES: Record<Lane, string> = { people: "People", notes: "Notes", values: "Values" };
const TICK = "v8";

/** Where on the line something happened; the list says what. */
function LaneOf({ lane, marks, length }: { lane: Lane; marks: ReadonlySignal<Mark[]>; length: number }) {
  const path = useComputed(() => placesOf(marks.value, lane, length).map((x) => `M${x} 0${TICK}`).join(""));
  return (
    <div class="replay-lane" data-lane={lane} aria-hidden="true">
      <span>{LANE_NAMES[lane]}</span>
      <svg viewBox={`0 0 ${DETAIL} 8`} preserveAspectRatio="none"><path d={path.value} /></svg>
    </div>
  );
}
