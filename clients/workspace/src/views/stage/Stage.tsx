// Departments as places and KPIs as objects: in three dimensions, as a plan, or as a list, with the same content.

import type { EntityRef, Pointer, Position } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { preference } from "../../app/preferences.ts";
import { choose, chosen } from "../../app/router.tsx";
import { Button, Segments } from "../../ui/controls.tsx";
import { Empty } from "../../ui/shown.tsx";
import { tell } from "../../ui/told.tsx";
import type { Director } from "./director.ts";
import { Legend } from "./Legend.tsx";
import { List } from "./List.tsx";
import type { Picture } from "./picture.ts";
import { Plan } from "./plan.ts";
import type { Room } from "./room/Room.ts";
import { Scenery } from "./Scenery.tsx";
import { type Model, modelOf, refOf, type Scene } from "./scene.ts";
import { supportedXr, XR_NAMES, type XrKind } from "./xr.ts";

export type { Scene } from "./scene.ts";

export interface StageProps {
  scene: Scene;
  /** Where others point, asked for with each frame that is drawn. */
  pointers?: () => Pointer[];
  /** The user points somewhere, and at what. */
  onPoint?: (position: Position, focused?: EntityRef) => void;
  /** The user chooses a thing or a note. */
  onChoose?: (chosen: { entity?: EntityRef; noteId?: string }) => void;
  /** The user wants to pin a note there; without it nobody is offered to. */
  onPin?: (position: Position, entity?: EntityRef) => void;
  /** The participant whose view is followed. */
  followed?: string | null;
  /** The user has moved by themselves, and follows nobody any longer. */
  onFollowEnd?: () => void;
}

export type Mode = "3d" | "plan" | "list";

const MODES: readonly Mode[] = ["3d", "plan", "list"];
/** In the address: which of them is shown. */
const PARAMETER = "as";

/** Whether this browser has shown 3-D, or may. */
let has3d = "WebGL2RenderingContext" in globalThis;

export function Stage({ scene, ...props }: StageProps) {
  const liked = preference("space is shown as");
  const isLost = useSignal(!has3d);
  const isPinning = useSignal(false);
  const xr = useSignal<readonly XrKind[]>([]);
  const shown = useRef<{ director: Director; picture: Picture } | null>(null);
  const before = useRef<Model | undefined>(undefined);
  if (before.current?.scene !== scene) before.current = modelOf(scene, before.current);
  const model = before.current;

  const wanted = MODES.find((one) => one === chosen(PARAMETER)) ?? MODES.find((one) => one === liked.value) ?? "3d";
  const mode = wanted === "3d" && isLost.value ? "plan" : wanted;
  useEffect(() => {
    if (mode === "3d") void supportedXr().then((kinds) => xr.value = kinds);
    isPinning.value = false;
  }, [mode]);

  const select = (next: Mode) => {
    liked.value = next;
    // Once more: it may have been lost for want of memory.
    if (next === "3d") isLost.value = false;
    choose({ [PARAMETER]: next });
  };
  const onLost = () => {
    has3d = false;
    isLost.value = true;
    tell("This browser shows no 3-D here. The plan has the same content.");
  };
  const enter = async (kind: XrKind) => {
    const now = shown.current;
    if (!now || now.picture.isFlat) return;
    const room = now.picture as Room;
    try {
      const { enterXr } = await import("./room/xr.ts");
      await enterXr(room, kind, {
        model: () => now.director.model,
        draw: (at) => now.director.step(at),
        choose: (thing) => props.onChoose?.({ entity: refOf(thing) }),
        palette: now.director.palette,
      });
    } catch {
      tell(`${XR_NAMES[kind]}: the browser did not begin it.`);
    }
  };

  if (!model.things.length && !model.layout.places.length) return <Empty title="There is nothing to be seen yet">Departments and KPIs stand here once there are some.</Empty>;
  const ready = (director: Director, picture: Picture) => {
    if (!picture.isFlat) has3d = true;
    shown.current = { director, picture };
  };
  return (
    <section class="stage" aria-label="Space" data-stage={mode}>
      <div class="stage-bar row">
        <Segments label="Shown as" options={[{ value: "3d", label: "3-D" }, { value: "plan", label: "Plan" }, { value: "list", label: "List" }]} value={mode} onChoose={select} />
        {props.onPin && mode !== "list" && (
          <Button icon="pin" aria-pressed={isPinning.value} data-pin-mode onClick={() => isPinning.value = !isPinning.value}>
            {isPinning.value ? "Choose where" : "Pin a note"}
          </Button>
        )}
        {mode === "3d" && xr.value.map((kind) => <Button key={kind} data-xr={kind} onClick={() => void enter(kind)}>{XR_NAMES[kind]}</Button>)}
      </div>
      {mode === "list"
        ? <List model={model} {...props} />
        : (
          <>
            <Scenery
              key={mode}
              {...props}
              model={model}
              open={mode === "3d" ? openRoom : openPlan}
              onLost={mode === "3d" ? onLost : () => select("list")}
              onReady={ready}
              isPinning={isPinning.value}
              onPinning={(next) => isPinning.value = next}
            />
            <Legend isFlat={mode === "plan"} />
          </>
        )}
    </section>
  );
}

async function openRoom(canvas: HTMLCanvasElement): Promise<Picture> {
  const { Room: Made } = await import("./room/Room.ts");
  const context = canvas.getContext("webgl2", { alpha: true, antialias: true, powerPreference: "default" });
  if (!context) throw new Error("This browser has no WebGL.");
  return new Made(canvas, context);
}

function openPlan(canvas: HTMLCanvasElement): Promise<Picture> {
  const context = canvas.getContext("2d");
  return context ? Promise.resolve(new Plan(canvas, context)) : Promise.reject(new Error("This browser draws nothing."));
}
