// The room in a headset: as small as a table, in front of the user. What they choose there is said as elsewhere.

import { CanvasTexture, Mesh, MeshBasicMaterial, PlaneGeometry, Vector3 } from "three";
import { meetBox } from "../lens.ts";
import { css, type Palette } from "../palette.ts";
import type { Model, Thing } from "../scene.ts";
import type { XrKind } from "../xr.ts";
import type { Room } from "./Room.ts";

const TABLE = 1.4; // metres
const HIGH = 0.75;
const AWAY = 1.1;
const SIGN_PIXELS = 512;

interface Visit {
  /** What is shown now. */
  model: () => Model;
  /** Draws one frame of it, at this time. */
  draw: (now: number) => void;
  choose: (thing: Thing) => void;
  palette: Palette;
}

/** Show the room there until the user leaves; rejected where the browser refuses. */
export async function enterXr(room: Room, kind: XrKind, { model, draw, choose, palette }: Visit): Promise<void> {
  const session = await (navigator as Navigator & { xr: XRSystem }).xr.requestSession(kind, { optionalFeatures: ["local-floor"] });
  const { renderer, content } = room;
  const signs = signsOf(model(), palette);
  content.add(...signs);
  const { width, depth, z } = model().layout;
  const scale = TABLE / Math.max(width, depth, 1);
  content.scale.setScalar(scale);
  content.position.set(0, HIGH, -AWAY - z * scale);
  renderer.xr.enabled = true;
  session.addEventListener("select", ({ frame, inputSource }) => {
    const space = renderer.xr.getReferenceSpace();
    const pose = space && frame.getPose(inputSource.targetRaySpace, space);
    const thing = pose ? thingOn(room, model(), pose.transform.matrix) : null;
    if (thing) choose(thing);
  });
  renderer.setAnimationLoop(draw);
  session.addEventListener("end", () => {
    renderer.setAnimationLoop(null);
    renderer.xr.enabled = false;
    content.scale.setScalar(1);
    content.position.set(0, 0, 0);
    for (const sign of signs) {
      content.remove(sign);
      sign.material.map?.dispose();
      sign.material.dispose();
      sign.geometry.dispose();
    }
    draw(performance.now());
  });
  await renderer.xr.setSession(session);
}

/** What the controller points at: its ray, in the measures of the room. */
function thingOn({ content }: Room, { things }: Model, matrix: Float32Array): Thing | null {
  content.updateMatrixWorld();
  const from = content.worldToLocal(new Vector3(matrix[12], matrix[13], matrix[14]));
  const to = new Vector3(-(matrix[8] ?? 0), -(matrix[9] ?? 0), -(matrix[10] ?? 1)).normalize();
  let [nearest, found]: [number, Thing | null] = [Infinity, null];
  for (const thing of things) {
    const distance = meetBox({ from, to }, thing);
    if (distance < nearest) [nearest, found] = [distance, thing];
  }
  return found;
}

type Sign = Mesh<PlaneGeometry, MeshBasicMaterial>;

/** The departments' names, on the front of their places: there is no page around it there. */
function signsOf({ layout }: Model, palette: Palette): Sign[] {
  return layout.places.map(({ name, x, z, width, depth, floor }) => {
    const canvas = document.createElement("canvas");
    canvas.width = SIGN_PIXELS;
    canvas.height = SIGN_PIXELS / 8;
    const context = canvas.getContext("2d");
    if (context) {
      context.font = `600 ${SIGN_PIXELS / 12}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillStyle = css(palette.ink);
      context.fillText(name, SIGN_PIXELS / 2, SIGN_PIXELS / 16, SIGN_PIXELS);
    }
    const wide = Math.min(width, 6);
    const sign = new Mesh(new PlaneGeometry(wide, wide / 8).rotateX(-Math.PI / 4), new MeshBasicMaterial({ map: new CanvasTexture(canvas), transparent: true }));
    sign.position.set(x, floor + 0.1, z + depth / 2);
    return sign;
  });
}
