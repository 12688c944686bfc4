// What things do by themselves: flash when they change, wait with drawing until they are about to be seen.

import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const FLASH_MS = 1_400;
const AHEAD = "600px";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Draw the eye to an element whenever `what` is another thing than before. */
export function useFlash(box: RefObject<HTMLElement | null>, what: unknown): void {
  const before = useRef(what);
  useEffect(() => {
    if (before.current === what) return;
    before.current = what;
    // Shown and taken away, without a movement in between, to those who want none.
    box.current?.animate({ backgroundColor: ["var(--flash)", "transparent"] }, { duration: FLASH_MS, easing: calm.matches ? "step-end" : "ease-out" });
  }, [what]);
}

const near = new Map<Element, () => void>();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    near.get(target)?.();
    near.delete(target);
  }
}, { rootMargin: AHEAD });

/** Whether an element is, or has been, seen or about to be. */
export function useIsNear(box: RefObject<HTMLElement | null>): boolean {
  const isNear = useSignal(false);
  useEffect(() => {
    const { current: element } = box;
    if (!element) return;
    near.set(element, () => isNear.value = true);
    observer.observe(element);
    return () => {
      observer.unobserve(element);
      near.delete(element);
    };
  }, []);
  return isNear.value;
}
