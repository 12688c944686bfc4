// The picture with all that is over it, in three dimensions or as a plan: looked at, walked through, chosen, pinned to.

import type { EntityRef, Position } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../../ui/controls.tsx";
import { Loading } from "../../ui/shown.tsx";
import { announce } from "../../ui/told.tsx";
import { Card, counted, sentenceOf } from "./Card.tsx";
import { Director } from "./director.ts";
import { handle } from "./gestures.ts";
import { moveBy } from "./keys.ts";
import type { Picture } from "./picture.ts";
import { Pins } from "./Pins.tsx";
import { type Model, type Pin, refOf, type Thing, topOf } from "./scene.ts";
import type { StageProps } from "./Stage.tsx";

const TURN = 0.006; // radians a pixel
const NEARER = 1.25;
const ZOOMS = ["+", "=", "-"];

export interface SceneryProps extends Omit<StageProps, "scene"> {
  model: Model;
  /** Draws into this canvas; called once. Rejected where it cannot. */
  open: (canvas: HTMLCanvasElement) => Promise<Picture>;
  /** It cannot, or can no longer. */
  onLost: () => void;
  /** It is there. */
  onReady?: (director: Director, picture: Picture) => void;
  isPinning: boolean;
  onPinning: (isPinning: boolean) => void;
}

export function Scenery(props: SceneryProps) {
  const { model, isPinning, onPinning, onChoose, onPin, followed = null } = props;
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const names = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const director = useSignal<Director | null>(null);
  const looked = useSignal<string | null>(null);
  const chosen = useSignal<string | null>(null);
  /** Escape ends the walk through the KPIs: the next Tab goes on to what comes after the picture. */
  const hasWalked = useRef(false);
  const help = useId();
  const own = director.value;
  const hasPointers = props.pointers !== undefined;

  const look = (thing: Thing | null, isHeard = false) => {
    looked.value = thing?.kpi.id ?? null;
    if (thing && isHeard) announce(sentenceOf(latest.current.model, thing));
  };
  const choose = (thing: Thing | null) => {
    chosen.value = thing?.kpi.id ?? null;
    if (thing) latest.current.onChoose?.({ entity: refOf(thing) });
  };
  const pin = (position: Position, entity?: EntityRef) => {
    latest.current.onPinning(false);
    latest.current.onPin?.(position, entity);
  };
  const act = (position: Position, thing: Thing | null) => {
    if (latest.current.isPinning) pin(position, thing ? refOf(thing) : undefined);
    else choose(thing);
  };
  /** The user goes there themselves: what was followed is followed no longer. */
  const go = (move: (director: Director) => void) => {
    const { current: { onFollowEnd } } = latest;
    const now = director.peek();
    if (!now) return;
    if (now.followed !== null) {
      now.followed = null;
      onFollowEnd?.();
    }
    move(now);
    now.wake();
  };

  useEffect(() => {
    const { current: box } = host;
    const { current: surface } = canvas;
    const { current: layer } = names;
    if (!box || !surface || !layer) return;
    let isThere = true;
    let made: Director | null = null;
    const lost = (event: Event) => {
      event.preventDefault();
      latest.current.onLost();
    };
    surface.addEventListener("webglcontextlost", lost);
    latest.current.open(surface).then((picture) => {
      if (!isThere) return picture.dispose();
      made = new Director(box, layer, picture, latest.current.model);
      director.value = made;
      latest.current.onReady?.(made, picture);
    }, () => isThere && latest.current.onLost());
    return () => {
      isThere = false;
      surface.removeEventListener("webglcontextlost", lost);
      made?.dispose();
    };
  }, []);

  useEffect(() => {
    const { current: surface } = canvas;
    if (!own || !surface) return;
    const drag = (dx: number, dy: number) => go(({ tripod }) => tripod.orbit(-dx * TURN, dy * TURN));
    const slide = (dx: number, dy: number) => go(({ tripod }) => tripod.pan(-dx * shareOf(own), dy * shareOf(own)));
    return handle(surface, {
      drag: own.isFlat ? slide : drag,
      slide,
      turn: (angle) => own.isFlat || go(({ tripod }) => tripod.orbit(angle, 0)),
      zoom: (factor, x, y) => go((it) => zoomTo(it, factor, x, y)),
      hover: (at) => {
        const hit = at && own.hit(at.x, at.y);
        look(hit?.thing ?? null);
        if (hit) latest.current.onPoint?.(hit.position, hit.thing ? refOf(hit.thing) : undefined);
      },
      click: (x, y) => {
        const hit = own.hit(x, y);
        if (hit) act(hit.position, hit.thing);
        else choose(null);
      },
    });
  }, [own]);

  useEffect(() => own?.show(model), [own, model]);
  useEffect(() => {
    if (!own) return;
    // The function may be another one each time; it is asked anew anyway.
    own.pointers = hasPointers ? () => latest.current.pointers?.() ?? [] : undefined;
    own.followed = followed;
    own.wake();
  }, [own, hasPointers, followed]);

  const shown = model.thingOf.get(chosen.value ?? "") ?? model.thingOf.get(looked.value ?? "");
  const isChosen = shown !== undefined && shown.kpi.id === chosen.value;
  const shownId = shown?.kpi.id;
  useEffect(() => {
    if (!own) return;
    [own.looked, own.chosen] = [looked.value, chosen.value];
    own.wake();
  }, [own, looked.value, chosen.value]);
  useEffect(() => {
    if (!own || !card.current || !shownId) return;
    const at = () => {
      const thing = latest.current.model.thingOf.get(shownId);
      return thing ? topOf(thing) : null;
    };
    return own.float(card.current, at, true);
  }, [own, shownId]);

  const walk = (step: 1 | -1): boolean => {
    const { things } = latest.current.model;
    const index = things.findIndex(({ kpi }) => kpi.id === looked.peek());
    const next = things[index < 0 && step < 0 ? -1 : index + step];
    if (!own || !next) return false;
    chosen.value = null;
    look(next, true);
    go((it) => it.lookAt(topOf(next)));
    latest.current.onPoint?.(topOf(next), refOf(next));
    return true;
  };
  const enter = () => {
    const thing = model.thingOf.get(looked.peek() ?? "") ?? null;
    const { x = 0, z = 0 } = own?.tripod.goal ?? {};
    act(thing ? topOf(thing) : { x, y: 0, z }, thing);
    // What can be done with it comes next.
    if (thing && !isPinning) requestAnimationFrame(() => card.current?.querySelector<HTMLElement>("[data-open]")?.focus());
  };
  const leave = () => {
    chosen.value = looked.value = null;
    hasWalked.current = true;
    onPinning(false);
    canvas.current?.focus();
  };
  const left = () => {
    hasWalked.current = false;
    if (chosen.peek() === null) look(null);
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    let isDone = true;
    if (event.key === "Tab") isDone = !hasWalked.current && walk(event.shiftKey ? -1 : 1);
    else if (event.key === "Enter" || event.key === " ") enter();
    else if (event.key === "Escape" && (isPinning || looked.peek() || chosen.peek())) leave();
    else if ((event.key === "n" || event.key === "N") && onPin) onPinning(!isPinning);
    else go((it) => {
      isDone = moveBy(event, it.tripod);
      const near = ZOOMS.includes(event.key) && model.thingOf.get(looked.peek() ?? "");
      if (near) it.lookAt(topOf(near), 0);
    });
    if (isDone) event.preventDefault();
  };
  const openPin = ({ noteId, entity }: Pin) => onChoose?.({ noteId, ...(entity && { entity }) });

  return (
    <div class={`stage-picture ${isPinning ? "pinning" : ""}`} ref={host} data-picture={own ? (own.isFlat ? "plan" : "3d") : "loading"} onKeyDown={(event) => event.key === "Escape" && leave()}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label={`Space: ${counted(model.layout.places.length, "place")}, ${counted(model.things.length, "KPI")}`}
        aria-describedby={help}
        onKeyDown={press}
        onBlur={left}
      />
      <p id={help} class="hidden-visually">
        Tab walks through the KPIs, Enter chooses, Escape ends it. Arrows move, with Shift they turn, plus and minus zoom, Home shows everything.
        {onPin && " N pins a note."} The list has the same content as text.
      </p>
      <div class="stage-names" ref={names} aria-hidden="true" />
      {own && <Pins pins={model.pins} director={own} onChoose={openPin} />}
      {isPinning && <span class="stage-cross" aria-hidden="true" />}
      {shown && (
        <Card
          key={shownId}
          model={model}
          thing={shown}
          isChosen={isChosen}
          box={card}
          onClose={leave}
          onPin={onPin && (() => pin(topOf(shown), refOf(shown)))}
          onNotes={onChoose && (() => model.pins.filter(({ entity }) => entity?.id === shownId).forEach(openPin))}
        />
      )}
      {!own && <Loading what="the space" />}
      <div class="stage-zoom">
        <Button icon="plus" label="Nearer" onClick={() => go(({ tripod }) => tripod.zoom(NEARER))} />
        <Button icon="minus" label="Further" onClick={() => go(({ tripod }) => tripod.zoom(1 / NEARER))} />
        <Button icon="home" label="Show everything" onClick={() => go(({ tripod }) => tripod.home())} />
      </div>
    </div>
  );
}

/** How many of the shares that a camera is moved by a pixel is. */
function shareOf({ lens, tripod: { shown } }: Director): number {
  const scale = lens.see(shown.x, 0, shown.z)?.scale ?? lens.height;
  return 1 / scale / shown.distance;
}

/** Nearer to what is at this pixel. */
function zoomTo(director: Director, factor: number, x: number, y: number): void {
  const { tripod } = director;
  const { x: fromX, z: fromZ, distance } = tripod.goal;
  const floor = director.hit(x, y)?.position;
  tripod.zoom(factor);
  const share = 1 - tripod.goal.distance / distance;
  if (floor) tripod.lookAt(fromX + (floor.x - fromX) * share, fromZ + (floor.z - fromZ) * share);
}
