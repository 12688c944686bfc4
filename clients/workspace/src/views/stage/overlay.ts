// What is written over the picture: names of things, and where others point. For eyes only: the list says it in words.

import type { Pointer } from "@bos/client";
import { colourOf } from "../../ui/shown.tsx";
import type { Label } from "./labels.ts";
import type { Lens } from "./lens.ts";

export class Overlay {
  #root: HTMLElement;
  #labels = new Map<string, HTMLElement>();
  #pointers = new Map<string, HTMLElement>();

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  label(labels: readonly Label[]): void {
    const shown = new Set(labels.map(({ key }) => key));
    for (const [key, element] of this.#labels) {
      if (shown.has(key)) continue;
      element.remove();
      this.#labels.delete(key);
    }
    for (const { key, kind, name, value, x, y, width } of labels) {
      let element = this.#labels.get(key);
      if (!element) {
        element = this.#append(`stage-label ${kind}`, "span", "b");
        this.#labels.set(key, element);
      }
      write(element.children[0], name);
      write(element.children[1], value);
      element.style.maxWidth = `${Math.round(width)}px`;
      move(element, x, y);
    }
  }

  /** names: by user. */
  point(pointers: readonly Pointer[], names: ReadonlyMap<string, string>, lens: Lens): void {
    const present = new Set(pointers.map(({ userId }) => userId));
    for (const [userId, element] of this.#pointers) {
      if (present.has(userId)) continue;
      element.remove();
      this.#pointers.delete(userId);
    }
    for (const { userId, position } of pointers) {
      const seen = lens.see(position.x, position.y, position.z);
      let element = this.#pointers.get(userId);
      if (!element) {
        element = this.#append("stage-pointer", "i", "span");
        element.dataset.pointer = userId;
        for (const part of element.children) part.classList.add(`person-${colourOf(userId)}`);
        this.#pointers.set(userId, element);
      }
      write(element.children[1], names.get(userId) ?? "Somebody");
      element.hidden = !seen;
      if (seen) move(element, seen.x, seen.y);
    }
  }

  #append(classes: string, ...parts: string[]): HTMLElement {
    const element = document.createElement("div");
    element.className = classes;
    for (const part of parts) element.append(document.createElement(part));
    this.#root.append(element);
    return element;
  }
}

function write(element: Element | undefined, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}

export function move(element: HTMLElement, x: number, y: number): void {
  element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
}
