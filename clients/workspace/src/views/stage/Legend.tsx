// What shapes and colours mean.

import type { Standing } from "./standing.ts";
import { wordsOfStanding } from "./Card.tsx";

const STANDINGS: readonly Standing[] = ["on", "off", "none"];

/** A standing's shape, as the picture has it. */
export function Shape({ standing }: { standing: Standing }) {
  return (
    <svg class={`stage-shape ${standing}`} viewBox="-10 -10 20 20" aria-hidden="true">
      {standing === "on" && <circle r="8" />}
      {standing === "off" && <path d="M-7.500 -7.500h15v15h-15z" />}
      {standing === "none" && <path d="M8.500 0L4.250 7.400h-8.500L-8.500 0l4.250 -7.400h8.500z" />}
    </svg>
  );
}

export function Legend({ isFlat }: { isFlat: boolean }) {
  return (
    <ul class="stage-legend row small soft">
      {STANDINGS.map((standing) => <li key={standing}><Shape standing={standing} /> {wordsOfStanding(standing, true)}</li>)}
      <li><svg class="stage-shape ring" viewBox="-10 -10 20 20" aria-hidden="true"><circle r="7.500" /></svg> ring: the target; {isFlat ? "as large" : "as high"} as the value</li>
      <li><svg class="stage-shape beacon" viewBox="-10 -10 20 20" aria-hidden="true"><path d="M0 -9L6.500 0L0 9L-6.500 0z" /></svg> alert</li>
      <li class="stage-keys">{isFlat ? "Drag to move" : "Drag to turn, with Shift to move"}, scroll to zoom; keys: arrows, + and −, Home, Tab, Enter</li>
    </ul>
  );
}
