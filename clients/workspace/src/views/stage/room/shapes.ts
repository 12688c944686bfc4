// The few shapes of the room: each is drawn as often as it is needed in one go.

import {
  BoxGeometry,
  BufferAttribute,
  type BufferGeometry,
  CanvasTexture,
  CylinderGeometry,
  DynamicDrawUsage,
  InstancedMesh,
  type Material,
  MeshBasicMaterial,
  MeshLambertMaterial,
  OctahedronGeometry,
  PlaneGeometry,
  TorusGeometry,
} from "three";

const ROUND = 28;
const SHADED = 0.62; // how bright the foot of an object is
const SHADOW_PIXELS = 64;

/** A mesh that is drawn up to `most` times. */
export function many(geometry: BufferGeometry, material: Material, most: number): InstancedMesh {
  const mesh = new InstancedMesh(geometry, material, Math.max(1, most));
  mesh.instanceMatrix.setUsage(DynamicDrawUsage);
  mesh.count = 0;
  // What is in view changes with each instance; they are few vertices.
  mesh.frustumCulled = false;
  return mesh;
}

export const solid = () => new MeshLambertMaterial({ vertexColors: true });
export const lit = () => new MeshLambertMaterial({ flatShading: true });
export const plain = () => new MeshBasicMaterial();

/** Round: on target. One metre high, from the floor on, as all objects are. */
export const column = () => shaded(new CylinderGeometry(1, 1, 1, ROUND));
/** Square: off target. */
export const block = () => shaded(new BoxGeometry(1.72, 1, 1.72));
/** Six-sided: there is nothing to judge by. */
export const prism = () => shaded(new CylinderGeometry(1, 1, 1, 6));

export const beacon = () => new OctahedronGeometry(1, 0);
export const hoop = (thickness: number) => new TorusGeometry(1, thickness, 6, 40).rotateX(Math.PI / 2);

function shaded(geometry: BufferGeometry): BufferGeometry {
  geometry.translate(0, 0.5, 0);
  const { position } = geometry.attributes;
  const shades = Array.from({ length: position?.count ?? 0 }, (_, index) => (position?.getY(index) ?? 0) > 0.5 ? 1 : SHADED);
  geometry.setAttribute("color", new BufferAttribute(Float32Array.from(shades.flatMap((shade) => [shade, shade, shade])), 3));
  return geometry;
}

export const shade = () => new PlaneGeometry(2, 2).rotateX(-Math.PI / 2);

/** Where an object stands: darker, without an edge. */
export function shadeMaterial(): MeshBasicMaterial {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SHADOW_PIXELS;
  const context = canvas.getContext("2d");
  if (context) {
    const half = SHADOW_PIXELS / 2;
    const gradient = context.createRadialGradient(half, half, half * 0.35, half, half, half);
    gradient.addColorStop(0, "rgb(0 0 0 / .42)");
    gradient.addColorStop(1, "rgb(0 0 0 / 0)");
    context.fillStyle = gradient;
    context.fillRect(0, 0, SHADOW_PIXELS, SHADOW_PIXELS);
  }
  return new MeshBasicMaterial({ map: new CanvasTexture(canvas), transparent: true, depthWrite: false });
}
