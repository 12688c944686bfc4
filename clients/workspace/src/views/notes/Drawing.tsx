// A drawing: shown, and drawn with a mouse, a pen or a finger.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button, Segments } from "../../ui/controls.tsx";
import { COLOURS, type Drawing, HEIGHT, pathOf, simplified, type Stroke, WIDTH } from "./drawings.ts";

function Strokes({ strokes }: { strokes: readonly Stroke[] }) {
  return <>{strokes.map((stroke, n) => <path key={n} d={pathOf(stroke)} style={{ stroke: `var(${COLOURS[stroke.colour]?.token})` }} />)}</>;
}

export function DrawingShown({ drawing }: { drawing: Drawing }) {
  const { width, height, strokes, says } = drawing;
  return (
    <figure class="notes-figure">
      <svg class="notes-drawing" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={says || "A drawing"}><Strokes strokes={strokes} /></svg>
      {says && <figcaption class="small soft">{says}</figcaption>}
    </figure>
  );
}

interface PadProps {
  drawing: Drawing;
  /** Whether it was taken: a full drawing takes no more. */
  onDraw: (drawing: Drawing) => boolean;
  disabled?: boolean;
}

/** Where one draws. Whoever cannot describes it in words instead: the field beside it. */
export function DrawingPad({ drawing, onDraw, disabled = false }: PadProps) {
  const colour = useSignal<`${number}`>("0");
  const points = useSignal<number[]>([]);
  const isFull = useSignal(false);
  const pad = useRef<SVGSVGElement>(null);
  // A finger that draws does not move the page.
  useEffect(() => pad.current?.style.setProperty("touch-action", "none"), []);
  const placeOf = ({ clientX, clientY }: PointerEvent) => {
    const box = pad.current?.getBoundingClientRect();
    if (!box) return [];
    return [(clientX - box.left) * drawing.width / box.width, (clientY - box.top) * drawing.height / box.height];
  };
  const begin = (event: PointerEvent) => {
    if (disabled || event.button !== 0) return;
    event.preventDefault();
    pad.current?.setPointerCapture(event.pointerId);
    points.value = placeOf(event);
  };
  const move = (event: PointerEvent) => {
    if (points.value.length === 0) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    points.value = [...points.value, ...(moves.length > 0 ? moves : [event]).flatMap(placeOf)];
  };
  const finish = () => {
    if (points.value.length === 0) return;
    const stroke = { colour: Number(colour.value), points: simplified(points.value) };
    points.value = [];
    isFull.value = !onDraw({ ...drawing, strokes: [...drawing.strokes, stroke] });
  };
  const without = (strokes: readonly Stroke[]) => {
    isFull.value = false;
    onDraw({ ...drawing, strokes });
  };
  return (
    <div class="stack">
      <div class="row">
        <Segments label="Colour of the pen" value={colour.value} onChoose={(chosen) => colour.value = chosen} options={COLOURS.map(({ name, token }, n) => ({ value: `${n}` as const, label: <><i class="notes-pen" style={{ background: `var(${token})` }} /> {name}</> }))} />
        <Button disabled={disabled || drawing.strokes.length === 0} onClick={() => without(drawing.strokes.slice(0, -1))}>Undo</Button>
        <Button disabled={disabled || drawing.strokes.length === 0} onClick={() => without([])}>Clear</Button>
      </div>
      <svg class="notes-drawing notes-pad" viewBox={`0 0 ${drawing.width || WIDTH} ${drawing.height || HEIGHT}`} ref={pad} data-pad role="img" aria-label={`Drawing area, ${drawing.strokes.length} strokes. Without a pointer, describe in words what you mean, below or as a text.`} onPointerDown={begin} onPointerMove={move} onPointerUp={finish} onPointerCancel={finish}>
        <Strokes strokes={drawing.strokes} />
        {points.value.length > 0 && <Strokes strokes={[{ colour: Number(colour.value), points: points.value }]} />}
      </svg>
      {isFull.value && <p class="problem" role="alert">The drawing is full: the last stroke does not fit.</p>}
    </div>
  );
}
