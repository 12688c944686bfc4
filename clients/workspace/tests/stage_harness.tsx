// The stage by itself, with whatever a test shows in it: see tests/browser/test_workspace_space.py.

import type { Pointer } from "@bos/client";
import { render } from "preact";
import { Stage, type StageProps } from "../src/views/stage/Stage.tsx";
import { Told } from "../src/ui/told.tsx";
import type { Scene } from "../src/views/stage/scene.ts";

type Told = Omit<Scene, "names"> & { names: Record<string, string> };
interface Options {
  followed?: string | null;
  mayPin?: boolean;
}

const root = document.createElement("main");
document.querySelector("#app")?.replaceChildren(root);

const harness = {
  /** What the stage has said, in turn. */
  said: [] as unknown[],
  pointers: [] as Pointer[],
  /** How often it has asked where others point. */
  asked: 0,
  show(scene: Told, { followed = null, mayPin = true }: Options = {}): void {
    const say = (what: string) => (...told: unknown[]) => void harness.said.push([what, ...told]);
    const props: StageProps = {
      scene: { ...scene, names: new Map(Object.entries(scene.names)) },
      pointers: harness.point,
      followed,
      onPoint: say("point"),
      onChoose: say("choose"),
      onFollowEnd: say("follow end"),
      ...(mayPin && { onPin: say("pin") }),
    };
    render(<><Stage {...props} /><Told /></>, root);
  },
  point: (): Pointer[] => {
    harness.asked += 1;
    return harness.pointers;
  },
  hide: () => render(null, root),
};

(globalThis as typeof globalThis & { stage: typeof harness }).stage = harness;
