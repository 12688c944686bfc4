// The space in three dimensions. Drawn when it is asked for; a handful of draw calls, however many KPIs there are.

import { Color, DirectionalLight, Group, HemisphereLight, type InstancedMesh, Matrix4, Mesh, PerspectiveCamera, Quaternion, Scene as World, SRGBColorSpace, Vector3, WebGLRenderer } from "three";
import { eyeOf, TANGENT } from "../lens.ts";
import type { Rgb } from "../palette.ts";
import { colourOfSeverity, colourOfStanding, type Moment, type Picture } from "../picture.ts";
import type { Layout } from "../layout.ts";
import type { Palette } from "../palette.ts";
import { TARGET, type Standing } from "../standing.ts";
import { platforms } from "./platforms.ts";
import { beacon, block, column, hoop, lit, many, plain, prism, shade, shadeMaterial, solid } from "./shapes.ts";

const MOST_PIXELS = 2; // for each of the screen's: more is not seen
const BEACON = 0.24;
const SEEN = 9; // pixels: an alert is seen from wherever one looks
const LARGEST = 1.4;
const SMALLEST_ROOM = 64; // objects

type Role = Standing | "target" | "beacon" | "shadow" | "ring";

export class Room implements Picture {
  readonly isFlat = false;
  readonly renderer: WebGLRenderer;
  /** All that is shown: for VR it becomes as small as a table. */
  readonly content = new Group();
  readonly world = new World();
  #camera = new PerspectiveCamera((Math.atan(TANGENT) * 360) / Math.PI, 1, 0.1, 2_000);
  #sky = new HemisphereLight();
  #sun = new DirectionalLight();
  #floor = new Mesh(undefined, solid());
  #meshes: Partial<Record<Role, InstancedMesh>> = {};
  #size = 0;
  #laidOut: Layout | null = null;
  #palette: Palette | null = null;
  #matrix = new Matrix4();
  #at = new Vector3();
  #scale = new Vector3();
  #upright = new Quaternion();
  #colour = new Color();

  /** context: three itself would complain where there is none. */
  constructor(canvas: HTMLCanvasElement, context: WebGL2RenderingContext) {
    this.renderer = new WebGLRenderer({ canvas, context, antialias: true, alpha: true });
    this.#sun.position.set(-3, 8, 5);
    this.content.add(this.#floor);
    this.world.add(this.#sky, this.#sun, this.content);
  }

  resize(width: number, height: number): void {
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, MOST_PIXELS));
    this.renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#camera.updateProjectionMatrix();
  }

  draw(moment: Moment): void {
    this.#fill(moment);
    const { camera } = moment;
    const eye = eyeOf(camera);
    this.#camera.position.set(eye.x, eye.y, eye.z);
    this.#camera.lookAt(camera.x, 0, camera.z);
    this.renderer.render(this.world, this.#camera);
  }

  #fill({ model, motion, palette, rings, lens, now }: Moment): void {
    this.#prepare(model.layout, palette, model.things.length);
    for (const mesh of Object.values(this.#meshes)) mesh.count = 0;
    for (const thing of model.things) {
      const { x, z, floor, radius, standing, severity } = thing;
      const height = motion.heightOf(thing, now);
      this.#add(standing, [x, floor, z], [radius, height, radius], colourOfStanding(standing, palette));
      this.#add("shadow", [x, floor + 0.012, z], [radius * 2.1, 1, radius * 2.1]);
      if (thing.kpi.target !== null && thing.kpi.value !== null) this.#add("target", [x, floor + TARGET, z], [radius * 1.32, radius * 1.32, radius * 1.32], palette.ink);
      if (!severity) continue;
      const size = Math.min(LARGEST, Math.max(BEACON, SEEN / (lens.see(x, floor, z)?.scale ?? SEEN)));
      this.#add("beacon", [x, floor + Math.max(height, TARGET) + size * 2, z], [size, size * 1.5, size], colourOfSeverity(severity, palette));
    }
    for (const { x, z, floor, radius, colour } of rings) this.#add("ring", [x, floor + 0.05, z], [radius, radius, radius], colour);
    for (const mesh of Object.values(this.#meshes)) {
      mesh.instanceMatrix.needsUpdate = true;
      if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
    }
  }

  #add(role: Role, at: [number, number, number], scale: [number, number, number], colour?: Rgb): void {
    const mesh = this.#meshes[role];
    if (!mesh || mesh.count >= mesh.instanceMatrix.count) return;
    const index = mesh.count++;
    mesh.setMatrixAt(index, this.#matrix.compose(this.#at.set(...at), this.#upright, this.#scale.set(...scale)));
    if (colour) mesh.setColorAt(index, this.#colour.setRGB(colour[0], colour[1], colour[2], SRGBColorSpace));
  }

  /** Have what so many objects, this layout and these colours need. */
  #prepare(layout: Layout, palette: Palette, count: number): void {
    if (count > this.#size || !this.#meshes.on) this.#makeRoom(Math.max(SMALLEST_ROOM, Math.ceil(count * 1.5)));
    if (layout === this.#laidOut && palette === this.#palette) return;
    this.#laidOut = layout;
    this.#palette = palette;
    this.#floor.geometry.dispose();
    this.#floor.geometry = platforms(layout.places, palette);
    const { isDark } = palette;
    this.#sky.intensity = isDark ? 1.9 : 2.1;
    this.#sky.color.setRGB(1, 1, 1);
    this.#sky.groundColor.set(isDark ? 0x9ea2ad : 0xcfd1d8);
    this.#sun.intensity = isDark ? 1.25 : 1.15;
  }

  #makeRoom(size: number): void {
    this.#discard();
    this.#size = size;
    this.#meshes = {
      shadow: many(shade(), shadeMaterial(), size),
      on: many(column(), solid(), size),
      off: many(block(), solid(), size),
      none: many(prism(), solid(), size),
      target: many(hoop(0.035), plain(), size),
      beacon: many(beacon(), lit(), size),
      ring: many(hoop(0.06), plain(), size),
    };
    this.content.add(...Object.values(this.#meshes));
  }

  #discard(): void {
    for (const mesh of Object.values(this.#meshes)) {
      this.content.remove(mesh);
      const material = mesh.material as ReturnType<typeof plain>;
      material.map?.dispose();
      material.dispose();
      mesh.geometry.dispose();
      mesh.dispose();
    }
    this.#meshes = {};
  }

  dispose(): void {
    this.#discard();
    this.#floor.geometry.dispose();
    this.#floor.material.dispose();
    this.renderer.dispose();
    // The browser keeps a few contexts only, and would take one of those that are still looked at.
    this.renderer.forceContextLoss();
  }
}
