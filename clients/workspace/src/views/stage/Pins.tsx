// Where notes are pinned: a button at each place, with how many there are.

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../ui/icons.tsx";
import { counted } from "./Card.tsx";
import type { Director } from "./director.ts";
import type { Pin } from "./scene.ts";

export function Pins({ pins, director, onChoose }: { pins: readonly Pin[]; director: Director; onChoose: (pin: Pin) => void }) {
  return <>{pins.map((pin) => <PinButton key={pin.key} pin={pin} director={director} onChoose={onChoose} />)}</>;
}

export function nameOf({ count, isResolved, says }: Pin): string {
  return `${counted(count, "note")}${isResolved ? ", resolved" : ""}. ${says}`;
}

function PinButton({ pin, director, onChoose }: { pin: Pin; director: Director; onChoose: (pin: Pin) => void }) {
  const button = useRef<HTMLButtonElement>(null);
  const latest = useRef(pin);
  latest.current = pin;
  useEffect(() => button.current ? director.float(button.current, () => latest.current.position) : undefined, [director]);
  return (
    <button type="button" class={`stage-pin ${pin.isResolved ? "resolved" : ""}`} ref={button} aria-label={nameOf(pin)} title={nameOf(pin)} data-pin={pin.key} onClick={() => onChoose(pin)}>
      <Icon name={pin.isResolved ? "check" : "note"} />
      {pin.count > 1 && <span>{pin.count}</span>}
    </button>
  );
}
