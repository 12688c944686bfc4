// Mouse, pen and fingers on the picture: drags, pinches, wheel, and clicks, which are what did not move.

export interface Hands {
  /** Dragged with one finger or the main button, by so many pixels. */
  drag(dx: number, dy: number): void;
  /** Dragged with two fingers, another button, or Shift held. */
  slide(dx: number, dy: number): void;
  /** Nearer by this factor, around this point. */
  zoom(factor: number, x: number, y: number): void;
  /** Turned with two fingers, in radians. */
  turn(angle: number): void;
  /** Points there without a button; null: nowhere any longer. */
  hover(at: { x: number; y: number } | null): void;
  click(x: number, y: number): void;
}

const STILL = 6; // pixels that a click may move
const WHEEL = 0.0015;
const LINE = 16; // pixels of a line, where a wheel counts in those

interface Finger {
  x: number;
  y: number;
}

/** Listen to the hands on `element`; call what is returned to stop it. */
export function handle(element: HTMLElement, hands: Hands): () => void {
  const fingers = new Map<number, Finger>();
  let begun: Finger | null = null; // what may still be a click

  const at = ({ clientX, clientY }: MouseEvent): Finger => {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const down = (event: PointerEvent) => {
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    begun = fingers.size === 1 && event.button === 0 ? at(event) : null;
  };
  const moved = (event: PointerEvent) => {
    const now = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) return hands.hover(now);
    if (begun && Math.hypot(now.x - begun.x, now.y - begun.y) < STILL) return;
    begun = null;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (other) pinch(before, now, other);
    else if (event.shiftKey || (event.buttons & 1) === 0) hands.slide(dx, dy);
    else hands.drag(dx, dy);
  };
  const pinch = (before: Finger, now: Finger, other: Finger) => {
    hands.slide((now.x - before.x) / 2, (now.y - before.y) / 2);
    const length = Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    hands.zoom(Math.hypot(now.x - other.x, now.y - other.y) / length, (now.x + other.x) / 2, (now.y + other.y) / 2);
    hands.turn(Math.atan2(now.y - other.y, now.x - other.x) - Math.atan2(before.y - other.y, before.x - other.x));
  };
  const up = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    if (begun && event.type === "pointerup") hands.click(begun.x, begun.y);
    begun = null;
  };
  const left = () => hands.hover(null);
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
    const { x, y } = at(event);
    hands.zoom(Math.exp(-Math.max(-200, Math.min(200, pixels)) * WHEEL), x, y);
  };
  const noMenu = (event: Event) => event.preventDefault();

  const listened = new AbortController();
  const { signal } = listened;
  element.addEventListener("pointerdown", down, { signal });
  element.addEventListener("pointermove", moved, { signal });
  for (const name of ["pointerup", "pointercancel"] as const) element.addEventListener(name, up, { signal });
  element.addEventListener("pointerleave", left, { signal });
  element.addEventListener("wheel", wheel, { signal, passive: false });
  element.addEventListener("contextmenu", noMenu, { signal });
  return () => listened.abort();
}
