// The space from above, in two dimensions: the same content where there is no 3-D, or none is wanted.

import { css, mix, type Palette, type Rgb } from "./palette.ts";
import { colourOfFloor, colourOfSeverity, colourOfStanding, type Moment, type Picture, type Ring } from "./picture.ts";
import type { Lens } from "./lens.ts";
import type { Place } from "./layout.ts";
import type { Thing } from "./scene.ts";
import { type Standing, TALLEST, TARGET } from "./standing.ts";

const CORNER = 0.35;
const WIDEST = 1.45; // times an object's radius: as wide as the tallest is drawn
const MOST_PIXELS = 2;
const HATCHED = 6; // pixels from line to line

/** What is filled with: made once for a palette, not for each of a thousand objects. */
interface Inks {
  palette: Palette;
  fills: Record<Standing, string>;
  hatch: CanvasPattern | null;
  target: string;
}

export class Plan implements Picture {
  readonly isFlat = true;
  #canvas: HTMLCanvasElement;
  #context: CanvasRenderingContext2D;
  #pixels = 1;
  #inks: Inks | null = null;

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
    this.#canvas = canvas;
    this.#context = context;
  }

  resize(width: number, height: number): void {
    this.#pixels = Math.min(devicePixelRatio, MOST_PIXELS);
    this.#canvas.width = Math.round(width * this.#pixels);
    this.#canvas.height = Math.round(height * this.#pixels);
  }

  draw({ model, motion, palette, rings, lens, now }: Moment): void {
    const context = this.#context;
    const inks = this.#inksOf(palette);
    context.setTransform(this.#pixels, 0, 0, this.#pixels, 0, 0);
    context.clearRect(0, 0, lens.width, lens.height);
    for (const place of model.layout.places) this.#place(place, lens, palette);
    for (const ring of rings) this.#ring(ring, lens);
    for (const thing of model.things) this.#thing(thing, motion.heightOf(thing, now), lens, inks);
  }

  #place(place: Place, lens: Lens, palette: Palette): void {
    const context = this.#context;
    const [left, top] = pointOf(lens, place.x - place.width / 2, place.z - place.depth / 2);
    const [right, bottom] = pointOf(lens, place.x + place.width / 2, place.z + place.depth / 2);
    context.beginPath();
    context.roundRect(left, top, right - left, bottom - top, (CORNER * (right - left)) / place.width);
    context.fillStyle = css(colourOfFloor(place.level, palette));
    context.fill();
    context.strokeStyle = css(mix(palette.line, palette["line-strong"], 0.3));
    context.lineWidth = 1;
    context.stroke();
  }

  #ring({ x, z, radius, colour }: Ring, lens: Lens): void {
    const [px, py] = pointOf(lens, x, z);
    this.#context.beginPath();
    this.#context.arc(px, py, radius * WIDEST * scaleOf(lens), 0, 2 * Math.PI);
    this.#context.strokeStyle = css(colour);
    this.#context.lineWidth = 3;
    this.#context.stroke();
  }

  #thing(thing: Thing, height: number, lens: Lens, { palette, fills, hatch, target }: Inks): void {
    const { kpi, standing, severity } = thing;
    const [x, y] = pointOf(lens, thing.x, thing.z);
    const widest = thing.radius * WIDEST * scaleOf(lens);
    if (x < -widest || y < -widest || x > lens.width + widest || y > lens.height + widest) return;
    const context = this.#context;
    outline(context, standing, x, y, widest * Math.sqrt(height / TALLEST));
    context.fillStyle = fills[standing];
    context.fill();
    if (standing === "off" && hatch) {
      context.fillStyle = hatch;
      context.fill();
    }
    if (kpi.target !== null && kpi.value !== null) {
      context.beginPath();
      context.arc(x, y, widest * Math.sqrt(TARGET / TALLEST), 0, 2 * Math.PI);
      context.strokeStyle = target;
      context.lineWidth = 1.25;
      context.stroke();
    }
    if (severity) this.#beacon(x + widest * 0.75, y - widest * 0.75, Math.max(7, widest * 0.32), colourOfSeverity(severity, palette), palette);
  }

  #inksOf(palette: Palette): Inks {
    if (this.#inks?.palette !== palette) {
      const fill = (standing: Standing) => css(colourOfStanding(standing, palette));
      const hatch = this.#context.createPattern(hatched(mix(colourOfStanding("off", palette), palette.panel, 0.55)), "repeat");
      this.#inks = { palette, fills: { on: fill("on"), off: fill("off"), none: fill("none") }, hatch, target: css(palette.ink) };
    }
    return this.#inks;
  }

  #beacon(x: number, y: number, size: number, colour: Rgb, palette: Palette): void {
    const context = this.#context;
    context.beginPath();
    context.moveTo(x, y - size);
    context.lineTo(x + size * 0.75, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size * 0.75, y);
    context.closePath();
    context.fillStyle = css(colour);
    context.fill();
    context.strokeStyle = css(palette.panel);
    context.lineWidth = 1.5;
    context.stroke();
  }

  dispose(): void {
    this.#canvas.width = this.#canvas.height = 0;
  }
}

/** Lines aslant, as an image to be repeated. */
function hatched(colour: Rgb): HTMLCanvasElement {
  const tile = document.createElement("canvas");
  tile.width = tile.height = HATCHED;
  const context = tile.getContext("2d");
  if (!context) return tile;
  context.strokeStyle = css(colour);
  context.lineWidth = 1.5;
  for (const shift of [-HATCHED, 0, HATCHED]) {
    context.moveTo(shift - 1, HATCHED + 1);
    context.lineTo(shift + HATCHED + 1, -1);
  }
  context.stroke();
  return tile;
}

function pointOf(lens: Lens, x: number, z: number): [number, number] {
  const seen = lens.see(x, 0, z);
  return [seen?.x ?? 0, seen?.y ?? 0];
}

function scaleOf(lens: Lens): number {
  return lens.see(0, 0, 0)?.scale ?? 1;
}

/** Round on target, square off it, six-sided where there is nothing to judge by: as in the room. */
function outline(context: CanvasRenderingContext2D, standing: Standing, x: number, y: number, radius: number): void {
  context.beginPath();
  if (standing === "on") return context.arc(x, y, radius, 0, 2 * Math.PI);
  const corners = standing === "off" ? 4 : 6;
  for (let corner = 0; corner < corners; corner++) {
    const angle = ((corner + (standing === "off" ? 0.5 : 0)) / corners) * 2 * Math.PI;
    const reach = standing === "off" ? radius * 1.2 : radius;
    context.lineTo(x + Math.cos(angle) * reach, y + Math.sin(angle) * reach);
  }
  context.closePath();
}
