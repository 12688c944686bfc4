// Brings about what is seen: draws the picture and what lies over it when something has changed, and only then.

import type { Pointer, Position } from "@bos/client";
import { colourOf } from "../../ui/shown.tsx";
import { overview, Tripod } from "./camera.ts";
import { labelsOf } from "./labels.ts";
import { type Lens, meetBox, meetFloor, overhead, perspective } from "./lens.ts";
import { Motion } from "./motion.ts";
import { move, Overlay } from "./overlay.ts";
import { onPalette, mix, type Palette, paletteOf } from "./palette.ts";
import { colourOfFloor, type Picture, type Ring, ringAround } from "./picture.ts";
import { type Model, type Thing, topOf } from "./scene.ts";
import { TARGET } from "./standing.ts";

const IDLE_MS = 100; // between two looks at where others point, while nobody moves
const CALM_MS = 600; // without a movement until nobody is taken to move
const GROWS_MS = 30; // between two pictures of what grows or fades by itself
const CENTRAL = 0.3; // of the picture to each side: what is followed stays in it
const AROUND = 60; // metres beyond what there is, where one can still point

/** Something of the page that is at a point of the space. */
interface Float {
  element: HTMLElement;
  at: () => Position | null;
  /** A card stays within the picture, beside its point. */
  isCard: boolean;
}

export interface Hit {
  position: Position;
  thing: Thing | null;
}

export class Director {
  readonly tripod = new Tripod(overview({ width: 1, depth: 1, z: 0 }, 1, 1));
  /** What the user looks at, and has chosen: KPIs. */
  looked: string | null = null;
  chosen: string | null = null;
  followed: string | null = null;
  pointers: (() => Pointer[]) | undefined;
  lens: Lens = perspective(this.tripod.shown, 1, 1);
  #host: HTMLElement;
  #picture: Picture;
  #model: Model;
  #motion: Motion;
  #palette: Palette;
  #overlay: Overlay;
  #floats = new Map<HTMLElement, Float>();
  #reduced = matchMedia("(prefers-reduced-motion: reduce)");
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDirty = true;
  #before = 0;
  #drawn = 0;
  #pointed = { all: [] as Pointer[], key: "", focus: "", at: -CALM_MS };
  #undo: (() => void)[] = [];

  constructor(host: HTMLElement, names: HTMLElement, picture: Picture, model: Model) {
    this.#host = host;
    this.#picture = picture;
    this.#model = model;
    this.#motion = new Motion(() => this.#reduced.matches);
    this.#palette = paletteOf(host);
    this.#overlay = new Overlay(names);
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(host);
    this.#undo.push(() => resized.disconnect(), onPalette(() => {
      this.#palette = paletteOf(host);
      this.wake();
    }));
    this.#resize();
  }

  get model(): Model {
    return this.#model;
  }

  get isFlat(): boolean {
    return this.#picture.isFlat;
  }

  get palette(): Palette {
    return this.#palette;
  }

  /** What is shown now. */
  show(model: Model): void {
    if (model === this.#model) return;
    this.#motion.take(this.#model, model, performance.now());
    const hasMoved = model.layout !== this.#model.layout;
    this.#model = model;
    if (hasMoved) this.#fit();
    this.wake();
  }

  /** Have this element follow a point; call what is returned to stop it. */
  float(element: HTMLElement, at: () => Position | null, isCard = false): () => void {
    this.#floats.set(element, { element, at, isCard });
    this.wake();
    return () => this.#floats.delete(element);
  }

  /** Something has changed: draw it with the next frame. */
  wake(): void {
    this.#isDirty = true;
    clearTimeout(this.#timer);
    this.#frame ||= requestAnimationFrame((now) => this.#run(now));
  }

  /** Draw it now: for a screen that asks for its frames by itself. */
  step(now: number): void {
    this.#isDirty = true;
    this.#run(now);
  }

  /** What is at this pixel: a KPI, or the floor. null: nothing, or too far away. */
  hit(x: number, y: number): Hit | null {
    const ray = this.lens.ray(x, y);
    let [nearest, thing]: [number, Thing | null] = [Infinity, null];
    for (const one of this.#model.things) {
      // Small and low ones are hit as easily as the others.
      const radius = this.#picture.isFlat ? one.radius * 1.45 : one.radius * 1.1;
      const distance = meetBox(ray, { ...one, radius, height: Math.max(one.height, TARGET / 2) });
      if (distance < nearest) [nearest, thing] = [distance, one];
    }
    if (thing) return { position: topOf(thing), thing };
    const { width, depth } = this.#model.layout;
    const position = meetFloor(ray, 0, Math.max(width, depth) + AROUND);
    return position && { position, thing: null };
  }

  /** Bring it into view, if it is not. */
  lookAt({ x, y, z }: Position, margin = 0.4): void {
    const seen = this.lens.see(x, y, z);
    const { width, height } = this.lens;
    const isCentral = seen && Math.abs(seen.x / width - 0.5) < margin && Math.abs(seen.y / height - 0.5) < margin;
    if (isCentral) return;
    this.tripod.lookAt(x, z);
    this.wake();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    for (const undo of this.#undo) undo();
    this.#floats.clear();
    this.#picture.dispose();
  }

  // ---------------------------------------------------------------- frames

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (!width || !height) return;
    this.#picture.resize(width, height);
    this.lens = { ...this.lens, width, height };
    this.#fit();
    // At once: a resized canvas is empty.
    this.#isDirty = true;
    this.#run(performance.now());
  }

  #fit(): void {
    const { layout } = this.#model;
    this.tripod.fit(layout, overview(layout, this.lens.width, this.lens.height, this.#picture.isFlat));
  }

  #run(now: number): void {
    // Whatever was to come next: there is never more than one of these.
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    const isPointed = this.#point(now);
    const isMoving = this.tripod.glide(Math.min(100, now - this.#before), this.#reduced.matches);
    this.#before = now;
    const isGrowing = this.#motion.goesOn(now) && now - this.#drawn >= GROWS_MS;
    const isOther = this.#isDirty || isMoving;
    if (isOther || isGrowing) this.#draw(now, isOther);
    if (isOther || isPointed) this.#overlay.point(this.#pointed.all, this.#model.scene.names, this.lens);
    this.#isDirty = false;
    this.#next(isMoving || this.#motion.goesOn(now), now);
  }

  #next(isMoving: boolean, now: number): void {
    const again = () => {
      this.#frame ||= requestAnimationFrame((at) => this.#run(at));
    };
    if (isMoving || now - this.#pointed.at < CALM_MS) again();
    else if (this.pointers) this.#timer = setTimeout(again, IDLE_MS);
  }

  /** See where the others point; whether that is elsewhere than before. */
  #point(now: number): boolean {
    const all = this.pointers?.() ?? [];
    const key = all.map(({ userId, position: { x, y, z } }) => `${userId} ${x} ${y} ${z}`).join();
    const focus = all.map(({ userId, focusedEntity }) => `${userId} ${focusedEntity?.id}`).join();
    if (focus !== this.#pointed.focus) this.#isDirty = true; // rings around what they look at
    const isElsewhere = key !== this.#pointed.key;
    this.#pointed = { all, key, focus, at: isElsewhere ? now : this.#pointed.at };
    const followed = all.find(({ userId }) => userId === this.followed);
    if (followed) this.lookAt(followed.position, CENTRAL);
    return isElsewhere;
  }

  /** isOther: not only what grows: what lies over it stands elsewhere, or says something else. */
  #draw(now: number, isOther: boolean): void {
    this.#drawn = now;
    const camera = this.tripod.shown;
    const { width, height } = this.lens;
    this.lens = this.#picture.isFlat ? overhead(camera, width, height) : perspective(camera, width, height);
    this.#picture.draw({ model: this.#model, motion: this.#motion, palette: this.#palette, rings: this.#rings(now), camera, lens: this.lens, now });
    if (!isOther) return;
    const atPixel = (x: number, y: number) => this.hit(x, y)?.thing?.kpi.id;
    this.#overlay.label(labelsOf(this.#model, this.lens, this.#picture.isFlat ? undefined : atPixel));
    for (const float of this.#floats.values()) this.#float(float);
  }

  #float({ element, at, isCard }: Float): void {
    const position = at();
    const seen = position && this.lens.see(position.x, position.y, position.z);
    const { width, height } = this.lens;
    const isOut = !seen || seen.x < 0 || seen.y < 0 || seen.x > width || seen.y > height;
    if (!isCard) element.style.visibility = isOut ? "hidden" : "";
    if (!seen) return;
    if (!isCard) return move(element, seen.x, seen.y);
    const { offsetWidth, offsetHeight } = element;
    const aside = seen.x + 24 + offsetWidth > width ? seen.x - 24 - offsetWidth : seen.x + 24;
    move(element, within(8, aside, width - offsetWidth - 8), within(8, seen.y - offsetHeight / 3, height - offsetHeight - 8));
  }

  #rings(now: number): Ring[] {
    const { accent, ink, people } = this.#palette;
    const rings: Ring[] = [];
    const add = (id: string | null | undefined, colour: Ring["colour"], wider: number) => {
      const thing = id ? this.#model.thingOf.get(id) : undefined;
      if (thing) rings.push(ringAround(thing, colour, wider));
    };
    for (const [id, share] of this.#motion.fresh(now)) {
      const level = (this.#model.thingOf.get(id)?.floor ?? 0) / 0.22 - 1;
      add(id, mix(accent, colourOfFloor(level, this.#palette), share), 1 + share * 0.6);
    }
    const looking = new Map<string, number>();
    for (const { userId, focusedEntity } of this.#pointed.all) {
      if (focusedEntity?.type !== "kpi") continue;
      const already = looking.get(focusedEntity.id) ?? 0;
      looking.set(focusedEntity.id, already + 1);
      add(focusedEntity.id, people[colourOf(userId)] ?? accent, 1 + already * 0.14);
    }
    if (this.looked !== this.chosen) add(this.looked, accent, 0.9);
    add(this.chosen, ink, 0.9);
    return rings;
  }
}

function within(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
